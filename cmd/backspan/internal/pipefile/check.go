package pipefile

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/orchestrator"
)

// file reads the document. The grace has its default before.
func (r *reader) file(n *yaml.Node) (File, bool) {
	file := File{Grace: DefaultGrace}
	list, ok := r.entries(n, "", "a pipeline: name, phases, …")
	if ok {
		readKeys(r, target(n), "", fileKeys, list, &file)
	}
	return file, len(r.problems) == 0
}

// check finds what is wrong between values that are right each by itself.
func (r *reader) check(f *File) {
	if len(f.Phases) > maxPhases {
		r.complain(f.Phases[maxPhases].node, fmt.Sprintf("phases[%d]", maxPhases), "is one of %d phases, want at most %d", len(f.Phases), maxPhases)
		return
	}
	phases := map[string]int{}
	for i := range f.Phases {
		phase := &f.Phases[i]
		at := fmt.Sprintf("phases[%d]", i)
		if before, ok := phases[phase.Name]; ok {
			r.complain(phase.nameNode, at+".name", "is %q, as in line %d; each phase needs a name of its own",
				phase.Name, f.Phases[before].nameNode.Line)
		} else {
			phases[phase.Name] = i
		}
		r.checkSteps(phase, at)
	}
	r.checkOutputs(f)
	r.checkNeeds(f, phases)
	r.checkConditions(f)
	for _, v := range f.Vars {
		if i := slices.IndexFunc(f.Env, func(s Setting) bool { return s.Name == v.Name }); i >= 0 {
			r.complain(v.node, "vars."+v.Name, "stands in env too, in line %d; want one of the two", f.Env[i].node.Line)
		}
	}
}

func (r *reader) checkSteps(phase *Phase, at string) {
	steps := map[string]*yaml.Node{}
	for k, step := range phase.Steps {
		if before := steps[step.Name]; before != nil {
			r.complain(step.nameNode, fmt.Sprintf("%s.steps[%d].name", at, k),
				"is %q, as in line %d; each step of a phase needs a name of its own", step.Name, before.Line)
			continue
		}
		steps[step.Name] = step.nameNode
	}
}

// checkOutputs refuses outputs whose variables have the same name.
func (r *reader) checkOutputs(f *File) {
	type place struct{ phase, step string }
	seen := map[string]place{}
	for i, phase := range f.Phases {
		for k, step := range phase.Steps {
			if step.Output == NoOutput {
				continue
			}
			name := outputVariable(phase.Name, step.Name)
			here := place{phase.Name, step.Name}
			if before, ok := seen[name]; ok && before != here {
				r.complain(step.nameNode, fmt.Sprintf("phases[%d].steps[%d].name", i, k),
					"its output would be %s, as that of step %q of phase %q; want another name", name, before.step, before.phase)
			}
			seen[name] = here
		}
	}
}

func (r *reader) checkNeeds(f *File, phases map[string]int) {
	sound := true
	for i, phase := range f.Phases {
		seen := map[string]bool{}
		for k, need := range phase.Needs {
			at := fmt.Sprintf("phases[%d].needs[%d]", i, k)
			_, known := phases[need.Text]
			switch {
			case need.Text == phase.Name:
				r.complain(need.node, at, "is the phase itself; want another phase")
			case !known:
				r.complain(need.node, at, "is %q, which is no phase%s", need.Text, otherPhases(f, i, need.Text))
			case seen[need.Text]:
				r.complain(need.node, at, "is %q, which stands there already", need.Text)
			default:
				seen[need.Text] = true
				continue
			}
			if sound = false; len(r.problems) > manyProblems {
				return // a suggestion for each would take long, and nobody reads it
			}
		}
	}
	if sound {
		r.checkCycles(f, phases)
	}
}

const manyProblems = 100

func otherPhases(f *File, not int, meant string) string {
	var names []string
	for i, phase := range f.Phases {
		if i != not {
			names = append(names, phase.Name)
		}
	}
	if len(names) == 0 {
		return ", nor is there another"
	}
	return didYouMean(meant, names)
}

// checkCycles refuses phases that wait for each other. It takes away phases that wait for nothing until none is left.
func (r *reader) checkCycles(f *File, phases map[string]int) {
	waits, next := make([]int, len(f.Phases)), make([][]int, len(f.Phases))
	var free []int
	for i, phase := range f.Phases {
		waits[i] = len(phase.Needs)
		for _, need := range phase.Needs {
			next[phases[need.Text]] = append(next[phases[need.Text]], i)
		}
		if waits[i] == 0 {
			free = append(free, i)
		}
	}
	for ; len(free) > 0; free = free[1:] {
		for _, i := range next[free[0]] {
			if waits[i]--; waits[i] == 0 {
				free = append(free, i)
			}
		}
	}
	at := slices.IndexFunc(waits, func(n int) bool { return n > 0 })
	if at < 0 {
		return
	}
	// Whoever still waits does so for somebody who does; following that comes back to somebody.
	waitsFor := func(i int) int {
		return slices.IndexFunc(f.Phases[i].Needs, func(n Name) bool { return waits[phases[n.Text]] > 0 })
	}
	var path []int
	place := map[int]int{}
	for {
		if from, seen := place[at]; seen {
			path = path[from:]
			break
		}
		place[at] = len(path)
		path = append(path, at)
		at = phases[f.Phases[at].Needs[waitsFor(at)].Text]
	}
	// The first one in the file is where a person begins to read.
	least := slices.Index(path, slices.Min(path))
	path = append(path[least:], path[:least]...)
	var text strings.Builder
	for n, i := range path {
		if text.WriteString(f.Phases[i].Name + " needs "); n == maxShown {
			text.WriteString("… needs ")
			break
		}
	}
	text.WriteString(f.Phases[path[0]].Name)
	k := waitsFor(path[0])
	r.complain(f.Phases[path[0]].Needs[k].node, fmt.Sprintf("phases[%d].needs[%d]", path[0], k),
		"makes a cycle, so that none of its phases could begin: %s", text.String())
}

// checkConditions refuses one that could never hold.
func (r *reader) checkConditions(f *File) {
	if first := &f.Phases[0]; first.If == orchestrator.OnFailure && len(first.Needs) == 0 {
		r.complain(first.ifNode, "phases[0].if", "is failure, but nothing comes before the first phase that could fail; want needs, or another place")
	}
}
