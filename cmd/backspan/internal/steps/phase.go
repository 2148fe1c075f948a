package steps

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// A phaseRun runs the commands of one phase.
type phaseRun struct {
	*Runner
	phase   *pipefile.Phase
	cleanup bool // its commands mend what others left, so they go on when nobody reads what they write
}

// run is the phase's work: its steps, one after the other. Its result is their outputs.
func (p *phaseRun) run(ctx context.Context, in orchestrator.Input) (any, error) {
	p.begin()
	own := map[string]*output{} // of this try
	for i := range p.phase.Steps {
		step := stepRun{phaseRun: p, step: p.phase.Steps[i]}
		err := step.run(ctx, in, own)
		p.ended(ctx, &step, err)
		switch {
		case step.skipsPhase:
			return nil, orchestrator.Skip(step.step.Name + ": " + step.skipped)
		case err != nil && !step.allowed:
			return nil, err
		case step.output != nil:
			own[step.step.Name] = step.output
		}
	}
	return p.succeeded(own), nil
}

// fallback returns the phase's fallback. It is told the outputs of the phase's steps that succeeded, and they are the
// phase's result. It returns nil when there is none.
func (p *phaseRun) fallback() orchestrator.PhaseFunc {
	return p.single("fallback", p.phase.Fallback, func() (map[string]*output, any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		made := p.produced[p.phase.Name]
		if made == nil { // its steps ran in another process
			return nil, nil
		}
		return maps.Clone(made.outputs), made.json()
	})
}

// dryRun returns what stands in for the phase in a dry run; nil when there is nothing.
func (p *phaseRun) dryRun() orchestrator.PhaseFunc {
	return p.single("dry_run", p.phase.DryRun, func() (map[string]*output, any) { return nil, nil })
}

// single returns a function that runs one command once, for as long as an attempt of the phase's steps may take. It
// returns nil when there is no command. outputs are those of the phase's own steps that the command is told, and the
// result.
func (p *phaseRun) single(
	name string, c *pipefile.Command, outputs func() (own map[string]*output, result any),
) orchestrator.PhaseFunc {
	if c == nil {
		return nil
	}
	p.operations[name]++
	step := pipefile.Step{Name: name, Run: *c}
	policy := retry.Policy{MaxRetries: retry.Never, AttemptTimeout: p.phase.Retry.Resolve(0).AttemptTimeout}
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		own, result := outputs()
		return result, retry.Do(ctx, name, policy, func(ctx context.Context) error {
			_, _, err := p.attempt(ctx, in, step, policy, own)
			return err
		})
	}
}

// attempt makes one attempt of a step and returns its stdout when that is an output, and how its command ended. own are
// the outputs of the phase's steps before it, by their names.
func (p *phaseRun) attempt(
	ctx context.Context, in orchestrator.Input, step pipefile.Step, policy retry.Policy, own map[string]*output,
) (kept *capture, result child.Result, err error) {
	kept = &capture{}
	env := p.environ(ctx, in, step)
	if err := p.tellOutputs(env, step, own, in.DryRun); err != nil {
		return nil, result, retry.Permanent(err)
	}
	err = p.start(step, env, func(process child.Command) error {
		if step.Output != pipefile.NoOutput {
			process.Stdout = kept
		}
		command.HoldStderr(&process, true)
		command.HoldStdout(&process)
		result, err = command.Run(ctx, process, policy.AttemptTimeout)
		return err
	})
	return kept, result, err
}

// start calls do with the command of a step, which Kill reaches meanwhile.
func (p *phaseRun) start(step pipefile.Step, env command.Environment, do func(child.Command) error) error {
	signals, done := p.track()
	defer done()
	label := p.label(step.Name)
	stdout, stderr := newLines(label, p.Stdout, p.cleanup), newLines(label, p.Stderr, p.cleanup)
	defer stdout.end()
	defer stderr.end()
	return do(child.Command{
		Args: step.Run.Args, Env: env.List(), Dir: p.dir(step), Stdout: stdout, Stderr: stderr,
		Grace: p.file.Grace, Signals: signals,
		OnOutOfReach: func(pid int) { p.tell(label, command.OutOfReach(step.Name, pid)) },
	})
}

// label is what stands in front of the lines of a step.
func (p *phaseRun) label(step string) string {
	if p.operations[step] > 1 {
		return p.phase.Name + "/" + step
	}
	return step
}

// tell prints a line of backspan's own in a step's name, beside what the step writes.
func (p *phaseRun) tell(label, line string) {
	own := newLines(label, p.Stderr, true)
	own.write([]byte("backspan: " + line + "\n"))
}

// environ is the environment of an attempt, without the outputs of other steps.
func (p *phaseRun) environ(ctx context.Context, in orchestrator.Input, step pipefile.Step) command.Environment {
	env := command.NewEnvironment(p.Environ)
	// The variables of run itself are about this process. A var never has the name of a variable in the file's env.
	maps.DeleteFunc(env, func(name, _ string) bool { return pipefile.IsOwnName(name) })
	maps.Copy(env, p.Values)
	for _, v := range slices.Concat(p.file.Env, p.phase.Env, step.Env) {
		env[v.Name] = v.Value
	}
	env.SetAttempt(ctx, in.RunID, in.Phase)
	env["BACKSPAN_RECOVERY"] = strconv.Itoa(in.Attempt)
	env["BACKSPAN_IDEMPOTENCY_KEY"] = in.IdempotencyKey
	p.tellFailure(env, in)
	return env
}

// dir is the directory of a step: its own from that of the phase, and that from that of the file.
func (p *phaseRun) dir(step pipefile.Step) string {
	dir := p.file.Dir
	for _, next := range []string{p.phase.Dir, step.Dir} {
		switch {
		case filepath.IsAbs(next):
			dir = next
		case next != "":
			dir = filepath.Join(dir, next)
		}
	}
	return dir
}
