package steps

import (
	"context"
	"encoding/json"
	"fmt"
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
	phase *pipefile.Phase
}

// run is the phase's work: its steps, one after the other. Its result is their outputs.
func (p *phaseRun) run(ctx context.Context, in orchestrator.Input) (any, error) {
	result := map[string]json.RawMessage{}
	own := map[string]string{}
	for _, step := range p.phase.Steps {
		policy := step.Retry.Resolve(0)
		output, err := retry.Value(ctx, step.Name, policy, func(ctx context.Context) (*output, error) {
			output, err := p.attempt(ctx, in, step, policy, own)
			if err != nil && !step.Retry.Retryable(err) {
				err = retry.Permanent(err) // the recovery of the phase would not mend it either
			}
			return output, err
		})
		if err != nil {
			return nil, err
		}
		if output != nil {
			result[step.Name] = output.json
			own[pipefile.OutputVariable(p.phase.Name, step.Name)] = output.text
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outputs[p.phase.Name] = own
	if len(result) == 0 {
		return nil, nil
	}
	return result, nil
}

// single returns a function that runs one command once, for as long as an attempt of the phase's steps may take. It
// returns nil when there is no command.
func (p *phaseRun) single(name string, c *pipefile.Command) orchestrator.PhaseFunc {
	if c == nil {
		return nil
	}
	p.operations[name]++
	step := pipefile.Step{Name: name, Run: *c}
	policy := retry.Policy{MaxRetries: retry.Never, AttemptTimeout: p.phase.Retry.Resolve(0).AttemptTimeout}
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		return nil, retry.Do(ctx, name, policy, func(ctx context.Context) error {
			_, err := p.attempt(ctx, in, step, policy, nil)
			return err
		})
	}
}

// attempt makes one attempt of a step. own are the outputs of the phase's steps before it.
func (p *phaseRun) attempt(
	ctx context.Context, in orchestrator.Input, step pipefile.Step, policy retry.Policy, own map[string]string,
) (*output, error) {
	env := p.environ(ctx, in, step)
	if err := p.tellOutputs(env, own); err != nil {
		return nil, retry.Permanent(err)
	}
	signals, done := p.track()
	defer done()
	label := step.Name
	if p.operations[label] > 1 {
		label = p.phase.Name + "/" + label
	}
	stdout, stderr := newLines(label, p.Stdout), newLines(label, p.Stderr)
	defer stdout.end()
	defer stderr.end()
	process := child.Command{
		Args: step.Run.Args, Env: env.List(), Dir: p.dir(step), Stdout: stdout, Stderr: stderr,
		Grace: p.file.Grace, Signals: signals,
	}
	var kept capture
	if step.Output != pipefile.NoOutput {
		process.Stdout = &kept
	}
	err := command.Run(ctx, process, policy.AttemptTimeout)
	if err != nil || step.Output == pipefile.NoOutput {
		return nil, err
	}
	return kept.output(step.Output)
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
	return env
}

const maxOutputs = 512 << 10 // bytes of all outputs that one command is told

// tellOutputs puts the outputs of all steps before into env.
func (p *phaseRun) tellOutputs(env command.Environment, own map[string]string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := 0
	for _, outputs := range []map[string]string{p.outputsBefore(p.phase.Name), own} {
		for name, text := range outputs {
			size += len(name) + len(text)
			env[name] = text
		}
	}
	if size > maxOutputs {
		return fmt.Errorf("the outputs of the steps before have %d bytes together, want at most %d; "+
			"write large ones to files", size, maxOutputs)
	}
	return nil
}

// outputsBefore returns the outputs of all phases that a phase waits for, also through others. It is asked when they
// have ended, so the answer stays the same.
func (r *Runner) outputsBefore(phase string) map[string]string {
	if all, ok := r.upstream[phase]; ok {
		return all
	}
	all := map[string]string{}
	for _, before := range r.before[phase] {
		maps.Copy(all, r.outputsBefore(before))
		maps.Copy(all, r.outputs[before])
	}
	r.upstream[phase] = all
	return all
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
