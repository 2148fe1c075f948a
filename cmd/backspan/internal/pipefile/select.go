package pipefile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
)

// Select returns the file with only some of its phases: those named in only, or the one called from and what comes
// after it; all when neither is given. A phase that is left out counts as done: a phase that needs it needs instead
// what it needed. The error names what is no phase.
func (f *File) Select(only []string, from string) (*File, error) {
	names := f.PhaseNames()
	for _, name := range append(slices.Clone(only), from) {
		if name != "" && !slices.Contains(names, name) {
			return nil, fmt.Errorf("%q is no phase of the file%s", name, didYouMean(name, names))
		}
	}
	picked := map[string]bool{}
	start := slices.Index(names, from)
	var after []bool
	if start >= 0 {
		after = f.after(start, f.next())
	}
	for i, name := range names {
		picked[name] = len(only) == 0 && from == "" || slices.Contains(only, name) ||
			start >= 0 && (i == start || after[i])
	}
	out := *f
	out.Phases, out.whole = nil, f.all()
	for _, phase := range f.Phases {
		if picked[phase.Name] {
			if !f.Sequence() {
				phase.Needs = f.pickedNeeds(phase, picked)
			}
			if !picked[phase.IfBegan] { // it counts as done, and so as begun
				phase.IfBegan = ""
			}
			out.Phases = append(out.Phases, phase)
		}
	}
	return &out, nil
}

// pickedNeeds are the picked phases that phase needs, directly or through phases that are left out. They are never
// nil: what is left of a graph is no sequence, also when none of it needs another.
func (f *File) pickedNeeds(phase Phase, picked map[string]bool) []string {
	needs, seen := []string{}, map[string]bool{}
	for open := slices.Clone(phase.Needs); len(open) > 0; {
		need := open[0]
		open = open[1:]
		switch {
		case seen[need]:
		case picked[need]:
			needs = append(needs, need)
		default:
			i := slices.IndexFunc(f.Phases, func(p Phase) bool { return p.Name == need })
			open = append(open, f.Phases[i].Needs...)
		}
		seen[need] = true
	}
	return needs
}

// PhaseNames are the names of the phases in the order of the file.
func (f *File) PhaseNames() []string {
	names := make([]string, len(f.Phases))
	for i, phase := range f.Phases {
		names[i] = phase.Name
	}
	return names
}

// Values are the values of the file's vars: a given value wins over environ, and that over the default. The error
// says what was given and is no var, or which var has no value.
func (f *File) Values(given map[string]string, environ []string) (map[string]string, error) {
	names := make([]string, len(f.Vars))
	for i, v := range f.Vars {
		names[i] = v.Name
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(names, name) {
			continue
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%q is no var of the file, which has none", name)
		}
		return nil, fmt.Errorf("%q is no var of the file%s", name, didYouMean(name, names))
	}
	around := command.NewEnvironment(environ)
	values := make(map[string]string, len(f.Vars))
	for _, v := range f.Vars {
		value, ok := given[v.Name]
		if !ok {
			value, ok = around[v.Name]
		}
		if !ok && v.Value != nil {
			value, ok = *v.Value, true
		}
		if !ok {
			return nil, fmt.Errorf("var %q has no value and no default; give it with --var %s=…", v.Name, v.Name)
		}
		values[v.Name] = value
	}
	return values, nil
}
