package pipefile

import (
	"fmt"
	"slices"
)

// Select returns the file with only some of its phases: those named in only, or the one called from and what comes after
// it; all when neither is given. What is left out counts as done: who needs it needs instead what that needed. The
// error names what is no phase.
func (f *File) Select(only []string, from string) (*File, error) {
	names := make([]string, len(f.Phases))
	for i, phase := range f.Phases {
		names[i] = phase.Name
	}
	for _, name := range append(slices.Clone(only), from) {
		if name != "" && !slices.Contains(names, name) {
			return nil, fmt.Errorf("%q is no phase of the file%s", name, didYouMean(name, names))
		}
	}
	picked := func(i int) bool { return true }
	switch {
	case len(only) > 0:
		picked = func(i int) bool { return slices.Contains(only, names[i]) }
	case from != "":
		upstream := f.upstream()
		picked = func(i int) bool { return names[i] == from || slices.Contains(upstream[i], from) }
	}
	out := *f
	out.Phases = nil
	for i, phase := range f.Phases {
		if picked(i) {
			phase.Needs = f.nearestPicked(i, picked)
			out.Phases = append(out.Phases, phase)
		}
	}
	return &out, nil
}

// nearestPicked are the phases that phase i needs, directly or through such that are left out.
func (f *File) nearestPicked(i int, picked func(int) bool) (needs []Name) {
	seen := map[string]bool{}
	for open := slices.Clone(f.Phases[i].Needs); len(open) > 0; {
		need := open[0]
		open = open[1:]
		if seen[need.Text] {
			continue
		}
		seen[need.Text] = true
		k := slices.IndexFunc(f.Phases, func(p Phase) bool { return p.Name == need.Text })
		if picked(k) {
			needs = append(needs, need)
		} else {
			open = append(open, f.Phases[k].Needs...)
		}
	}
	return needs
}
