package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// A Plan is what a run of a file would do. Its JSON has durations in seconds, as a report has.
type Plan struct {
	Pipeline    string  `json:"pipeline"`
	Sequence    bool    `json:"sequence"`
	KeepGoing   bool    `json:"continue_on_error,omitempty"`
	MaxParallel int     `json:"max_parallel,omitempty"` // 0: no limit
	Phases      []Phase `json:"phases"`                 // in the order in which they begin, one by one, if all succeed
	Outputs     Outputs `json:"outputs,omitzero"`
	Worst       Bound   `json:"worst_case"`
}

// Outputs says where the outputs of phases that are left out come from.
type Outputs struct {
	Phases  []string `json:"phases,omitempty"` // whose outputs were taken
	From    string   `json:"from,omitempty"`   // from which run, for people
	Session string   `json:"session_id,omitempty"`
	Lacking []string `json:"lacking,omitempty"` // those that were not taken, each with why, when others were
	Why     string   `json:"none,omitempty"`    // why none were taken, although phases that are left out have outputs
}

// A Phase is what a run would do with a phase.
type Phase struct {
	Name    string   `json:"phase"`
	Needs   []string `json:"needs,omitzero"` // nil: not said; empty: none
	If      string   `json:"if"`             // success, failure or always
	IfBegan string   `json:"if_began,omitempty"`
	Ends
	Timeout  seconds           `json:"timeout,omitempty"`
	Recovery policy            `json:"recovery"` // Never without recovery
	Steps    []Step            `json:"steps"`
	Fallback *pipefile.Command `json:"fallback,omitempty"` // nil when there is none, or no recovery
	DryRun   *pipefile.Command `json:"dry_run,omitempty"`
	Worst    Bound             `json:"worst_case"`
}

// A Step is what a run would do with a step.
type Step struct {
	Name    string           `json:"step"`
	Run     pipefile.Command `json:"command"`
	Output  string           `json:"output,omitempty"`    // the variable where later steps find it; empty for none
	As      pipefile.Output  `json:"output_as,omitempty"` // json, text or text_or_empty
	Retry   policy           `json:"retry"`
	RetryOn string           `json:"retry_on,omitempty"`
	StopOn  string           `json:"stop_on,omitempty"`

	RetryOnOutput []string          `json:"retry_on_output,omitempty"` // regular expressions
	StopOnOutput  []string          `json:"stop_on_output,omitempty"`
	BeforeRetry   *pipefile.Command `json:"before_retry,omitempty"`
	Ends
	Worst Bound `json:"worst_case"`
}

// Ends are what ends of commands count as, other than usual.
type Ends struct {
	AllowFailure bool   `json:"allow_failure,omitempty"`
	SuccessCodes string `json:"success_codes,omitempty"` // of steps
	SkipCodes    string `json:"skip_codes,omitempty"`
}

func endsOf(e pipefile.Ends) Ends {
	return Ends{e.AllowFailure, listed(e.SuccessCodes), listed(e.SkipCodes)}
}

var conditions = [...]string{
	orchestrator.OnSuccess: "success", orchestrator.OnFailure: "failure", orchestrator.Always: "always",
}

// Of says what a run of f would do, given whether phases are recovered and how many may be under way at once (0:
// any).
func Of(f *pipefile.File, recovers bool, maxParallel int) Plan {
	plan := Plan{Pipeline: f.Name, Sequence: f.Sequence(), KeepGoing: f.ContinueOnError, MaxParallel: maxParallel}
	order, err := f.Pipeline().Plan()
	if err != nil {
		panic(err) // Parse has validated the same pipeline
	}
	for _, next := range order.Phases() {
		i := slices.IndexFunc(f.Phases, func(p pipefile.Phase) bool { return p.Name == next })
		plan.Phases = append(plan.Phases, ofPhase(f.Phases[i], recovers, f.Grace))
	}
	plan.Worst = plan.worst()
	return plan
}

func ofPhase(phase pipefile.Phase, recovers bool, grace time.Duration) Phase {
	p := Phase{
		Name: phase.Name, Needs: phase.Needs, If: conditions[phase.If],
		Timeout: seconds(phase.Timeout), DryRun: phase.DryRun, IfBegan: phase.IfBegan, Ends: endsOf(phase.Ends),
	}
	p.SuccessCodes = "" // the steps have them
	recovery := phase.Recovery.Resolve(orchestrator.DefaultBaseDelay)
	if !recovers {
		recovery = retry.Policy{MaxRetries: retry.Never, AttemptTimeout: recovery.AttemptTimeout}.WithDefaults()
	}
	p.Recovery = policy(recovery)
	try := Bound{}
	for _, step := range phase.Steps {
		p.Steps = append(p.Steps, ofStep(phase.Name, step, grace))
		try = try.then(p.Steps[len(p.Steps)-1].Worst)
	}
	try = try.within(recovery.AttemptTimeout, grace)
	p.Worst = retried(try, recovery, "phase "+phase.Name)
	if recovers && phase.Fallback != nil {
		p.Fallback = phase.Fallback // not retried, but bounded as the phase's steps are
		once := Bound{Commands: 1, Endless: phase.Name + "/fallback has no attempt_timeout"}
		p.Worst = p.Worst.then(once.within(phase.Retry.Resolve(0).AttemptTimeout, grace))
	}
	p.Worst = p.Worst.within(phase.Timeout, grace)
	return p
}

func ofStep(phase string, step pipefile.Step, grace time.Duration) Step {
	name := phase + "/" + step.Name
	resolved := step.Retry.Resolve(0)
	try := Bound{Commands: 1, Endless: name + " has no attempt_timeout"}
	p := Step{
		Name: step.Name, Run: step.Run, Retry: policy(resolved),
		Ends:    endsOf(step.Ends),
		RetryOn: listed(step.Retry.RetryOn), StopOn: listed(step.Retry.StopOn),
		RetryOnOutput: step.Retry.RetryOnOutput.List(), StopOnOutput: step.Retry.StopOnOutput.List(),
		Worst: retried(try.within(resolved.AttemptTimeout, grace), resolved, name),
	}
	if p.BeforeRetry = step.Retry.BeforeRetry; p.BeforeRetry != nil { // within the time of each attempt but the first
		p.Worst.Commands = plus(p.Worst.Commands, p.Worst.Commands-1)
	}
	if step.Output != pipefile.NoOutput {
		p.Output, p.As = pipefile.OutputVariable(phase, step.Name), step.Output
	}
	return p
}

// listed is a list of ends for a person to read; empty for none.
func listed(ends *command.Ends) string { return strings.ReplaceAll(ends.String(), ",", ", ") }

// worst is the bound of the whole run. Phases that may run side by side take as long as the longest chain of phases
// that wait for each other. With a limit on how many run at once, no schedule that never idles takes longer than
// Graham's bound: (all of it - the longest chain) / limit + the longest chain.
func (p *Plan) worst() Bound {
	var all, longest Bound
	ends := map[string]Bound{}
	for _, phase := range p.Phases {
		all = all.then(phase.Worst)
		var before Bound
		for _, need := range phase.Needs {
			before = before.max(ends[need])
		}
		ends[phase.Name] = before.then(phase.Worst)
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
