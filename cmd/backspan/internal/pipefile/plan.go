package pipefile

import (
	"slices"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// A Plan is what a run of a file would do.
type Plan struct {
	Pipeline    string
	Sequence    bool
	MaxParallel int // 0: no limit
	Recovery    bool
	Phases      []PlannedPhase // in the order in which they begin when all goes well, one at a time
	Worst       Bound
}

// A PlannedPhase is what a run would do with a phase.
type PlannedPhase struct {
	Name     string
	Needs    []string
	If       orchestrator.Condition
	Timeout  time.Duration
	Recovery retry.Policy // Never without recovery
	Steps    []PlannedStep
	Fallback *Command // nil when there is none, or no recovery
	DryRun   *Command
	Worst    Bound
}

// A PlannedStep is what a run would do with a step.
type PlannedStep struct {
	Name            string
	Run             Command
	Output          string // the variable where later steps find it; empty when there is none
	Retry           retry.Policy
	RetryOn, StopOn string
	Worst           Bound
}

// Plan says what a run would do, given whether phases are recovered and how many may be under way at once (0: any).
func (f *File) Plan(recovery bool, maxParallel int) Plan {
	plan := Plan{Pipeline: f.Name, Sequence: f.Sequence(), MaxParallel: maxParallel, Recovery: recovery}
	bounds := make(map[string]Bound, len(f.Phases))
	order, err := f.Pipeline(&Runner{}).Plan()
	if err != nil {
		panic(err) // Parse asked, and let nothing through that is refused
	}
	for _, next := range order.Phases() {
		i := slices.IndexFunc(f.Phases, func(p Phase) bool { return p.Name == next.Name })
		planned := f.planPhase(&f.Phases[i], recovery)
		bounds[planned.Name] = planned.Worst
		plan.Phases = append(plan.Phases, planned)
	}
	plan.Worst = plan.worst(bounds)
	return plan
}

func (f *File) planPhase(phase *Phase, recovery bool) PlannedPhase {
	p := PlannedPhase{
		Name: phase.Name, If: phase.If, Timeout: phase.Timeout, DryRun: phase.DryRun,
		Recovery: phase.Recovery.policy(orchestrator.DefaultBaseDelay),
	}
	for _, need := range phase.Needs {
		p.Needs = append(p.Needs, need.Text)
	}
	if !recovery {
		p.Recovery = retry.Policy{MaxRetries: retry.Never, AttemptTimeout: p.Recovery.AttemptTimeout}.WithDefaults()
	}
	try := Bound{}
	for i := range phase.Steps {
		step := f.planStep(phase, &phase.Steps[i])
		try = try.then(step.Worst)
		p.Steps = append(p.Steps, step)
	}
	try = try.within(p.Recovery.AttemptTimeout, f.Grace)
	p.Worst = retried(try, p.Recovery, "phase "+phase.Name)
	if recovery && phase.Fallback != nil {
		p.Fallback = phase.Fallback // not retried, but bounded as the phase's steps are
		once := Bound{Commands: 1, Endless: phase.Name + "/fallback has no attempt_timeout"}
		p.Worst = p.Worst.then(once.within(value(phase.Retry.AttemptTimeout), f.Grace))
	}
	p.Worst = p.Worst.within(phase.Timeout, f.Grace)
	return p
}

func (f *File) planStep(phase *Phase, step *Step) PlannedStep {
	p := PlannedStep{Name: step.Name, Run: step.Run, Retry: step.Retry.policy(0)}
	if step.Output != NoOutput {
		p.Output = outputVariable(phase.Name, step.Name)
	}
	p.RetryOn, p.StopOn = listed(step.Retry.RetryOn), listed(step.Retry.StopOn)
	name := phase.Name + "/" + step.Name
	try := Bound{Commands: 1, Endless: name + " has no attempt_timeout"}
	p.Worst = retried(try.within(p.Retry.AttemptTimeout, f.Grace), p.Retry, name)
	return p
}

// worst is the bound of the whole run. Phases side by side take as long as the longest chain of those that wait for each
// other; with a limit on how many run at once, no schedule that never idles takes longer than Graham's bound:
// (all of it - the longest chain) / limit + the longest chain.
func (p *Plan) worst(bounds map[string]Bound) Bound {
	var all, longest Bound
	ends := map[string]Bound{}
	for _, phase := range p.Phases {
		all = all.then(phase.Worst)
		var before Bound
		for _, need := range phase.Needs {
			before = before.max(ends[need])
		}
		ends[phase.Name] = before.then(bounds[phase.Name])
		longest = longest.max(ends[phase.Name])
	}
	if p.Sequence {
		return all
	}
	out := longest
	out.Commands = all.Commands
	if n := time.Duration(p.MaxParallel); n > 0 && all.Endless == "" {
		out.Time = plus((all.Time-longest.Time)/n, longest.Time)
		out.Waits = plus((all.Waits-longest.Waits)/n, longest.Waits)
	}
	return out
}

// max is the larger of two bounds, each part by itself.
func (a Bound) max(b Bound) Bound {
	out := Bound{Waits: max(a.Waits, b.Waits), Time: max(a.Time, b.Time), Endless: a.Endless, Commands: max(a.Commands, b.Commands)}
	if out.Endless == "" {
		out.Endless = b.Endless
	}
	return out
}
