package orchestrator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/backspan/backspan/internal/nearest"
	"github.com/backspan/backspan/retry"
)

// A Plan is a pipeline that has been checked and put in order. It does not change and may be shared. A program that
// shows what a run would do asks it for its Phases; the rest is for engines: see package engine.
type Plan struct {
	pipeline Pipeline
	policies []retry.Policy // the one that holds for each phase, defaults filled in
	index    map[string]int
	order    []int
	sequence bool

	// Each is by the phase's index, in the order of the pipeline.
	next  [][]int // the phases that wait for this one's end
	waits []int   // how many phases it waits for
	needs [][]int // the phases that it cannot do without
	reads [][]int // the phases whose outputs it gets
	uses  [][]int // of those that it needs: the ones that it names in Uses
	began []int   // the phase of its IfBegan; -1 for none
}

// Plan checks the pipeline and puts its phases in order. It calls none of its functions. The error is a *FieldError,
// or a *CycleError, which has one.
func (p Pipeline) Plan() (*Plan, error) {
	p.Phases = slices.Clone(p.Phases)
	plan := &Plan{pipeline: p}
	for _, step := range []func() error{plan.checkFields, plan.link, plan.sort, plan.linkUses} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// Phases returns the names of the phases in the order in which they begin when all succeed one at a time.
func (p *Plan) Phases() []string { return p.names(p.order) }

func (p *Plan) names(indices []int) []string {
	if len(indices) == 0 {
		return nil
	}
	names := make([]string, len(indices))
	for k, i := range indices {
		names[k] = p.pipeline.Phases[i].Name
	}
	return names
}

// link resolves Needs to edges.
func (p *Plan) link() error {
	phases := p.pipeline.Phases
	p.next, p.waits = make([][]int, len(phases)), make([]int, len(phases))
	p.needs, p.reads = make([][]int, len(phases)), make([][]int, len(phases))
	p.sequence = !slices.ContainsFunc(phases, func(phase Phase) bool { return phase.Needs != nil })
	for i, phase := range phases {
		if p.sequence && i > 0 {
			p.next[i-1], p.waits[i] = []int{i}, 1
			p.reads[i] = []int{i - 1}
		}
		for _, name := range phase.Needs {
			needed, err := p.lookUp(phase.Name, "Needs", name)
			if err != nil {
				return err
			}
			p.needs[i] = append(p.needs[i], needed)
			p.next[needed] = append(p.next[needed], i)
			p.waits[i]++
		}
		if !p.sequence {
			p.reads[i] = slices.Clone(p.needs[i])
		}
	}
	return nil
}

func (p *Plan) lookUp(phase, field, name string) (int, error) {
	if i, ok := p.index[name]; ok {
		return i, nil
	}
	others := slices.DeleteFunc(slices.Collect(maps.Keys(p.index)), func(other string) bool { return other == phase })
	slices.Sort(others) // of two that are equally near, always the same one
	return 0, &FieldError{
		Field: fieldOf(phase, field), Value: fmt.Sprintf("%q", name),
		Want: "the name of another phase" + nearest.Ask(name, others),
	}
}

// sort puts the phases in the order in which the loop finds them ready, and refuses cycles.
func (p *Plan) sort() error {
	left := slices.Clone(p.waits)
	p.order = make([]int, 0, len(left))
	for i, n := range left {
		if n == 0 {
			p.order = append(p.order, i)
		}
	}
	for k := 0; k < len(p.order); k++ {
		for _, i := range p.next[p.order[k]] {
			if left[i]--; left[i] == 0 {
				p.order = append(p.order, i)
			}
		}
	}
	if len(p.order) == len(left) {
		return nil
	}
	cycle := p.cycle(left)
	path := strings.Join(append(cycle, cycle[0]), "→")
	return &CycleError{
		FieldError: FieldError{Field: fieldOf(cycle[0], "Needs"), Value: path, Want: "a graph without cycles"},
		Cycle:      cycle,
	}
}

// cycle returns the names along one cycle. It begins with the phase that comes first in the pipeline. left tells how
// many of a phase's needs can never be met.
func (p *Plan) cycle(left []int) []string {
	at := slices.IndexFunc(left, func(n int) bool { return n > 0 })
	seen := map[int]int{} // a phase's position on the path
	var path []int
	for {
		if from, ok := seen[at]; ok {
			path = path[from:]
			first := slices.Index(path, slices.Min(path))
			return p.names(slices.Concat(path[first:], path[:first]))
		}
		seen[at] = len(path)
		path = append(path, at)
		// A phase with an unmet need has one among those that can never be met; following these ends in a cycle.
		at = p.needs[at][slices.IndexFunc(p.needs[at], func(i int) bool { return left[i] > 0 })]
	}
}

// linkUses resolves Uses and IfBegan, and refuses those that need not have ended when the phase begins.
func (p *Plan) linkUses() error {
	var check []use
	read := make([]int, len(p.order)) // by phase: 1 + the last one known to read it
	p.uses, p.began = make([][]int, len(p.order)), make([]int, len(p.order))
	for i, phase := range p.pipeline.Phases {
		if p.began[i] = -1; phase.IfBegan != "" {
			began, err := p.lookUp(phase.Name, "IfBegan", phase.IfBegan)
			if err != nil {
				return err
			}
			p.began[i] = began
			check = append(check, use{i, began, "IfBegan"})
		}
		for _, j := range p.reads[i] {
			read[j] = i + 1
		}
		for _, name := range phase.Uses {
			used, err := p.lookUp(phase.Name, "Uses", name)
			if err != nil {
				return err
			}
			if read[used] != i+1 {
				p.reads[i] = append(p.reads[i], used)
				read[used] = i + 1
			}
			if !slices.Contains(p.needs[i], used) {
				p.needs[i] = append(p.needs[i], used)
			}
			p.uses[i] = append(p.uses[i], used)
			check = append(check, use{i, used, "Uses"})
		}
	}
	for chunk := range slices.Chunk(check, 64) {
		if bad := p.notUpstream(chunk); bad >= 0 {
			phase, used := p.pipeline.Phases[chunk[bad].phase], p.pipeline.Phases[chunk[bad].used]
			want := "a phase that it needs, also through others; or to name this one in Needs"
			if p.sequence {
				want = "a phase before it"
			}
			return &FieldError{
				Field: fieldOf(phase.Name, chunk[bad].field), Value: fmt.Sprintf("%q", used.Name), Want: want,
			}
		}
	}
	return nil
}

// A use is a phase that the field of another one names.
type use struct {
	phase, used int
	field       string
}

// notUpstream returns the first of at most 64 uses whose phase may begin before the used one has ended, or -1. All of
// them share one walk over the graph, a bit each, so that checking stays linear as long as uses are few.
func (p *Plan) notUpstream(uses []use) int {
	above := make([]uint64, len(p.order)) // by phase: the uses whose used phase is upstream of it
	marks := make(map[int]uint64, len(uses))
	for bit, u := range uses {
		marks[u.used] |= 1 << bit
	}
	for _, i := range p.order {
		down := above[i] | marks[i]
		for _, j := range p.next[i] {
			above[j] |= down
		}
	}
	return slices.IndexFunc(uses, func(u use) bool {
		bit := slices.Index(uses, u)
		return above[u.phase]&(1<<bit) == 0
	})
}
