package pipefile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/backspan/backspan/orchestrator"
)

// Parse reads and checks the text of a pipeline file. What can be used and is hardly meant is in File.Hints. The error
// is an *Error with all the problems that could be found, and name in front of each.
func Parse(name string, text []byte) (*File, error) {
	r := newReader()
	file := r.file(text)
	if len(r.problems) > 0 {
		return nil, newError(name, r.problems)
	}
	r.hint(&file)
	file.Hints = r.hints
	file.inherit()
	file.order()
	// The orchestrator has the last word. It knows no lines, so the checks above should find all that it refuses.
	if err := file.Pipeline().Validate(); err != nil {
		return nil, newError(name, []Problem{{Message: err.Error()}})
	}
	return &file, nil
}

// file reads a document and checks it.
func (r *reader) file(text []byte) (file File) {
	document := r.document(text)
	if document == nil {
		return file
	}
	file, ok := fileKind.read(r, document, "")
	if r.nodes["grace"] == nil {
		file.Grace = DefaultGrace
	}
	if ok {
		r.check(&file)
	}
	return file
}

// Pipeline returns the pipeline of f. Its functions do nothing: package steps replaces them.
func (f *File) Pipeline() orchestrator.Pipeline {
	p := orchestrator.Pipeline{Name: f.Name, Phases: make([]orchestrator.Phase, len(f.Phases))}
	for i, phase := range f.Phases {
		recovery := phase.Recovery.Resolve(orchestrator.DefaultBaseDelay)
		p.Phases[i] = orchestrator.Phase{
			Name: phase.Name, Needs: phase.Needs, If: phase.If, Timeout: phase.Timeout, Recovery: &recovery,
			IfBegan: phase.IfBegan, AllowFailure: phase.AllowFailure,
			Run: func(context.Context, orchestrator.Input) (any, error) { return nil, nil },
		}
	}
	return p
}

// inherit fills in what steps and phases do not say with what phases and the file say.
func (f *File) inherit() {
	shell := orElse(f.Shell, DefaultShell)
	for i := range f.Phases {
		phase := &f.Phases[i]
		phase.Recovery = phase.Recovery.Or(f.Recovery)
		phase.Retry = phase.Retry.Or(f.Retry)
		phase.Shell = orElse(phase.Shell, shell)
		phase.Fallback.in(phase.Shell)
		phase.DryRun.in(phase.Shell)
		for k := range phase.Steps {
			step := &phase.Steps[k]
			step.Retry = step.Retry.Or(phase.Retry)
			step.SuccessCodes = cmp.Or(step.SuccessCodes, phase.SuccessCodes)
			step.Run.in(orElse(step.Shell, phase.Shell))
			if hook := step.Retry.BeforeRetry; hook != nil {
				own := *hook // other steps with other shells may have the same
				own.in(orElse(step.Shell, phase.Shell))
				step.Retry.BeforeRetry = &own
			}
		}
	}
}

// orElse is list, or other when list is empty.
func orElse[V any](list, other []V) []V {
	if len(list) > 0 {
		return list
	}
	return other
}

// order gives phases with a condition that do not say what they need, in a file whose phases do have needs, all that
// is written before them: without needs they would begin first, when nothing can have failed. Phases that need them
// stay out.
func (f *File) order() {
	if f.Sequence() {
		return
	}
	next := f.next()
	for i := range f.Phases {
		phase := &f.Phases[i]
		if phase.If == orchestrator.OnSuccess || phase.Needs != nil {
			continue
		}
		after := f.after(i, next)
		for k, before := range f.Phases[:i] {
			if !after[k] {
				phase.Needs = append(phase.Needs, before.Name)
				next[before.Name] = append(next[before.Name], i)
			}
		}
	}
}

// next lists by name of a phase the phases that wait for its end.
func (f *File) next() map[string][]int {
	next := make(map[string][]int, len(f.Phases))
	sequence := f.Sequence()
	for i, phase := range f.Phases {
		if sequence && i > 0 {
			next[f.Phases[i-1].Name] = []int{i}
		}
		for _, need := range phase.Needs {
			next[need] = append(next[need], i)
		}
	}
	return next
}

// after reports for each phase whether it waits for phase i, directly or through others.
func (f *File) after(i int, next map[string][]int) []bool {
	after := make([]bool, len(f.Phases))
	for open := slices.Clone(next[f.Phases[i].Name]); len(open) > 0; {
		k := open[len(open)-1]
		if open = open[:len(open)-1]; !after[k] {
			after[k] = true
			open = append(open, next[f.Phases[k].Name]...)
		}
	}
	return after
}

// Schema is the JSON Schema (draft 2020-12) of pipeline files, for editors. What no schema can say is left to Parse:
// that names are unique, that needs exist and make no cycle.
func Schema() []byte {
	s := schema{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Backspan pipeline",
		"description": "A pipeline for backspan run.",
	}
	maps.Copy(s, fileKind.schema)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		panic(err) // the tables are constant, so Encode fails always or never
	}
	return text.Bytes()
}
