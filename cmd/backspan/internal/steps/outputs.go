package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/orchestrator"
)

// produced is what a phase has produced so far: the latest output of each of its steps that succeeded, in whichever of
// the phase's tries that was, and what went wrong in its last try.
type produced struct {
	outputs map[string]*output // by step
	wrong   map[string]string  // by step that did not succeed: how it ended
	stopped string             // the last of these
	ends    []Result           // of the steps that have ended
}

// json is the result of a phase: the outputs of its steps by their names; nil when there are none.
func (p *produced) json() any {
	if len(p.outputs) == 0 {
		return nil
	}
	result := make(map[string]json.RawMessage, len(p.outputs))
	for step, output := range p.outputs {
		result[step] = output.json
	}
	return result
}

// begin notes that a try of the phase begins.
func (p *phaseRun) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.produced[p.phase.Name] == nil {
		p.produced[p.phase.Name] = &produced{outputs: map[string]*output{}}
	}
	made := p.produced[p.phase.Name]
	made.wrong, made.stopped, made.ends = map[string]string{}, "", nil
}

// succeeded notes that a try of the phase succeeded with these outputs, and returns the phase's result.
func (p *phaseRun) succeeded(outputs map[string]*output) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.produced[p.phase.Name].outputs = outputs
	return p.produced[p.phase.Name].json()
}

// ended notes how a step ended. ctx is that of the phase's try.
func (p *phaseRun) ended(ctx context.Context, run *stepRun, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.tellState(p.phase.Name)
	phase, step := p.produced[p.phase.Name], run.step.Name
	phase.ends = append(phase.ends, run.result(ctx, err))
	if out := run.output; out != nil {
		phase.outputs[step] = out
		if p.OnOutput != nil {
			p.OnOutput(p.phase.Name, step, out.json)
		}
	}
	if run.skipped != "" {
		phase.wrong[step] = "was skipped"
	}
	if run.skipsPhase || err != nil && !run.allowed {
		phase.stopped = step
	}
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.Canceled):
		phase.wrong[step] = "was cancelled"
	case ctx.Err() != nil:
		phase.wrong[step] = "ran out of time"
	default:
		phase.wrong[step] = "failed"
	}
}

// Take has the commands of phases after it find an output of a phase that is left out, which another run has printed.
// It is called after Pipeline. The error says why value is no such output.
func (r *Runner) Take(from pipefile.StepOutput, value json.RawMessage) error {
	kept := capture{data: value}
	if from.As != pipefile.JSONOutput {
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return errors.New("it is no text")
		}
		kept.data = []byte(text)
	}
	out, err := kept.output(from.As)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.produced[from.Phase] == nil {
		r.produced[from.Phase] = &produced{outputs: map[string]*output{}}
	}
	r.produced[from.Phase].outputs[from.Step] = out
	return nil
}

// EachOutput calls do with each output that there is.
func (r *Runner) EachOutput(do func(phase, step string, value json.RawMessage)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for phase, made := range r.produced {
		for step, out := range made.outputs {
			do(phase, step, out.json)
		}
	}
}

// AddOutputs adds to report the outputs of steps that succeeded in phases that did not, and those that were taken from
// another run.
func (r *Runner) AddOutputs(report *orchestrator.Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range report.Phases {
		phase := &report.Phases[i]
		made := r.produced[phase.Phase]
		if phase.Result != nil || made == nil || len(made.outputs) == 0 {
			continue
		}
		result, err := json.Marshal(made.json())
		if err != nil {
			return err
		}
		phase.Result = result
	}
	return nil
}

const maxOutputs = 512 << 10 // bytes of all outputs that one command is told

// tellOutputs puts the outputs of the phases before into env, and own, those of steps of the command's own phase by
// their variables. The error is a missingOutputs when the command names others.
func (p *phaseRun) tellOutputs(env command.Environment, step pipefile.Step, own map[string]*output, dryRun bool) error {
	named := p.file.NamedOutputs(p.phase, &step, p.Values)
	p.mu.Lock()
	defer p.mu.Unlock()
	size := 0
	tell := func(phase, step string, out *output) {
		name := pipefile.OutputVariable(phase, step)
		size += len(name) + len(out.text)
		env[name] = out.text
	}
	for _, phase := range p.upstream[p.phase.Name] {
		if before := p.produced[phase]; before != nil {
			for step, out := range before.outputs {
				tell(phase, step, out)
			}
		}
	}
	for step, out := range own {
		tell(p.phase.Name, step, out)
	}
	if size > maxOutputs {
		return fmt.Errorf("the outputs of the steps before have %d bytes together, want at most %d; "+
			"write large ones to files", size, maxOutputs)
	}
	var missing missingOutputs
	for _, name := range named {
		if _, there := env[name]; !there {
			missing = append(missing, missingOutput{name, p.why(name, dryRun)})
		}
	}
	if missing != nil {
		return missing
	}
	return nil
}

// why says why an output is not there for a command of the phase.
func (p *phaseRun) why(name string, dryRun bool) string {
	output, declared := p.declared[name]
	made := p.produced[output.Phase]
	step := fmt.Sprintf("step %q of phase %q", output.Step, output.Phase)
	own := output.Phase == p.phase.Name
	switch {
	case !declared:
		return "no step of the file declares it"
	case !own && !slices.Contains(p.upstream[p.phase.Name], output.Phase):
		return fmt.Sprintf("phase %q does not wait for phase %q", p.phase.Name, output.Phase)
	case dryRun:
		return "steps do not run in a dry run"
	case p.file.LeftOut(output.Phase):
		return fmt.Sprintf("phase %q is left out, and the output was not taken from another run", output.Phase)
	case made == nil:
		return fmt.Sprintf("phase %q was skipped", output.Phase)
	case made.wrong[output.Step] != "":
		return step + " " + made.wrong[output.Step]
	case made.stopped != "":
		return fmt.Sprintf("%s did not run: step %q %s before it", step, made.stopped, made.wrong[made.stopped])
	default:
		return step + " comes later"
	}
}

// missingOutputs is the error of a command that was not started because it names outputs that are not there.
type missingOutputs []missingOutput

type missingOutput struct{ name, why string }

func (m missingOutputs) Error() string {
	parts := make([]string, len(m))
	for i, missing := range m {
		parts[i] = fmt.Sprintf("%s is not there, because %s", missing.name, missing.why)
	}
	return fmt.Sprintf("not started: %s; ${NAME-default} does without", strings.Join(parts, "; "))
}

// Ending is the error without its reasons, like that of a command.Error.
func (m missingOutputs) Ending() string {
	names := make([]string, len(m))
	for i, missing := range m {
		names[i] = missing.name
	}
	return "not started without " + strings.Join(names, ", ")
}

// ErrorType is the error.type of the attempt's span.
func (m missingOutputs) ErrorType() string { return "missing_output" }
