package pipefile

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/backspan/backspan/orchestrator"
)

// Parse reads and checks the text of a pipeline file. The error is an *Error with all the problems that could be found,
// and name in front of each.
func Parse(name string, text []byte) (*File, error) {
	r := &reader{}
	file := File{Grace: DefaultGrace}
	if document := r.document(text); document != nil {
		var ok bool
		if file, ok = r.file(document); ok {
			r.check(&file)
		}
	}
	if len(r.problems) > 0 {
		return nil, newError(name, r.problems)
	}
	file.inherit()
	file.order()
	// What runs it has the last word. It knows no lines, so all that it could refuse is to be found before.
	if err := file.Pipeline(&Runner{}).Validate(); err != nil {
		return nil, newError(name, []Problem{{Message: err.Error()}})
	}
	return &file, nil
}

// inherit lets what is further in have what is said further out.
func (f *File) inherit() {
	for i := range f.Phases {
		phase := &f.Phases[i]
		phase.Recovery = phase.Recovery.or(f.Recovery)
		phase.Retry = phase.Retry.or(f.Retry)
		for k := range phase.Steps {
			phase.Steps[k].Retry = phase.Steps[k].Retry.or(phase.Retry)
		}
	}
}

// Sequence reports whether the phases run one after the other, because none needs any.
func (f *File) Sequence() bool {
	return !slices.ContainsFunc(f.Phases, func(p Phase) bool { return len(p.Needs) > 0 })
}

// order gives phases with a condition and without needs, in a file whose phases do have needs, all that is written
// before them: without needs they would begin first, when nothing can have failed. What needs them stays out.
func (f *File) order() {
	if f.Sequence() {
		return
	}
	neededBy := map[string][]int{}
	for i, phase := range f.Phases {
		for _, need := range phase.Needs {
			neededBy[need.Text] = append(neededBy[need.Text], i)
		}
	}
	for i := range f.Phases {
		phase := &f.Phases[i]
		if phase.If == orchestrator.OnSuccess || len(phase.Needs) > 0 {
			continue
		}
		after := make([]bool, len(f.Phases)) // what needs it, also through others
		for open := slices.Clone(neededBy[phase.Name]); len(open) > 0; {
			k := open[len(open)-1]
			if open = open[:len(open)-1]; !after[k] {
				after[k] = true
				open = append(open, neededBy[f.Phases[k].Name]...)
			}
		}
		for k, before := range f.Phases[:i] {
			if !after[k] {
				phase.Needs = append(phase.Needs, Name{Text: before.Name})
				neededBy[before.Name] = append(neededBy[before.Name], i)
			}
		}
	}
}

// Schema is the JSON Schema (draft 2020-12) of pipeline files, for editors. What no schema can say is left to Parse: that
// names are unique, that needs exist and make no cycle.
func Schema() []byte {
	s := schema{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Backspan pipeline",
		"description": "A pipeline for backspan run.",
	}
	for name, v := range fileKind.schema {
		s[name] = v
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		panic(err) // the tables are constant: wrong always or never
	}
	return text.Bytes()
}
