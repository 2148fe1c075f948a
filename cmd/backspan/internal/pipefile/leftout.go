package pipefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Need is an output that a command cannot do without, although the phase of its step is left out.
type Need struct {
	Variable string
	Output   StepOutput
	By       string // the command, such as publish/write
}

// Needs lists the outputs of phases that Select has left out and that commands of f cannot do without, each once.
// values are those of the file's vars. fallbacks says whether fallbacks may be called.
func (f *File) Needs(values map[string]string, fallbacks bool) (needs []Need) {
	declared := f.StepOutputs()
	look := func(phase *Phase, step *Step) {
		for _, name := range f.NamedOutputs(phase, step, values) {
			output, ok := declared[name]
			if ok && f.LeftOut(output.Phase) &&
				!slices.ContainsFunc(needs, func(n Need) bool { return n.Variable == name }) {
				needs = append(needs, Need{name, output, phase.Name + "/" + step.Name})
			}
		}
	}
	for i := range f.Phases {
		phase := &f.Phases[i]
		for k := range phase.Steps {
			look(phase, &phase.Steps[k])
			if hook := phase.Steps[k].BeforeRetry(); hook != nil {
				look(phase, hook)
			}
		}
		if phase.Fallback != nil && fallbacks {
			look(phase, &Step{Name: "fallback", Run: *phase.Fallback})
		}
	}
	return needs
}

// LeftOut reports whether Select has left out a phase.
func (f *File) LeftOut(phase string) bool {
	return !slices.ContainsFunc(f.Phases, func(p Phase) bool { return p.Name == phase })
}

// LeftOutputs are the outputs of phases that Select has left out and that some phase of f waits for.
func (f *File) LeftOutputs() (list []StepOutput) {
	upstream := f.Upstream()
	waited := map[string]bool{}
	for _, phase := range f.Phases {
		for _, before := range upstream[phase.Name] {
			waited[before] = f.LeftOut(before)
		}
	}
	for _, phase := range f.all().Phases {
		for _, step := range phase.Steps {
			if waited[phase.Name] && step.Output != NoOutput {
				list = append(list, StepOutput{phase.Name, step.Name, step.Output})
			}
		}
	}
	return list
}

// Fingerprint is a short text that differs between files of which a run of one cannot take the outputs of the other
// for its own: when their phases hang together in another way (see orchestrator.Plan.Fingerprint), or their steps
// declare other outputs. It is that of the whole file.
func (f *File) Fingerprint() string {
	plan, err := f.all().Pipeline().Plan()
	if err != nil {
		panic(err) // Parse has validated the same pipeline
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%q\n", plan.Fingerprint())
	for _, phase := range f.all().Phases {
		for _, step := range phase.Steps {
			if step.Output != NoOutput {
				fmt.Fprintf(&text, "%q %q %q\n", phase.Name, step.Name, step.Output)
			}
		}
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:16])
}
