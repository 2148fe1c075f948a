package pipefile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// A Runner runs the commands of one run. It is made for one run and used once.
type Runner struct {
	// Stdout and Stderr get what the commands write, with the step's name in front of each line. A Write has complete
	// lines; Writes come from several goroutines at once.
	Stdout, Stderr io.Writer

	Environ []string  // what the commands' environment is built upon
	Values  []Setting // of the file's vars; see File.Values

	mu      sync.Mutex
	killed  bool
	running map[chan os.Signal]struct{}
	outputs map[string]map[string]string // by phase: variable and value
}

// Pipeline is the pipeline of f, whose commands r runs.
func (f *File) Pipeline(r *Runner) orchestrator.Pipeline {
	p := orchestrator.Pipeline{Name: f.Name}
	r.running, r.outputs = map[chan os.Signal]struct{}{}, map[string]map[string]string{}
	upstream := f.upstream()
	labels := f.labels()
	for i := range f.Phases {
		phase := &f.Phases[i]
		policy := phase.Recovery.policy(orchestrator.DefaultBaseDelay)
		part := &phaseRun{Runner: r, file: f, phase: phase, upstream: upstream[i], labels: labels[i]}
		out := orchestrator.Phase{
			Name: phase.Name, If: phase.If, Timeout: phase.Timeout, Recovery: &policy, Run: part.run,
			Fallback: part.single("fallback", phase.Fallback), DryRun: part.single("dry_run", phase.DryRun),
		}
		for _, need := range phase.Needs {
			out.Needs = append(out.Needs, need.Text)
		}
		p.Phases = append(p.Phases, out)
	}
	return p
}

// Kill ends the commands under way, and those that still begin, at once.
func (r *Runner) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.killed = true
	for signals := range r.running {
		kill(signals)
	}
}

func kill(signals chan os.Signal) {
	select {
	case signals <- syscall.SIGKILL:
	default: // it has been told
	}
}

// track lets Kill reach a command.
func (r *Runner) track() (signals chan os.Signal, done func()) {
	signals = make(chan os.Signal, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running[signals] = struct{}{}
	if r.killed {
		kill(signals)
	}
	return signals, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, signals)
	}
}

// upstream lists for each phase those that end before it begins.
func (f *File) upstream() [][]string {
	all := make([][]string, len(f.Phases))
	if f.Sequence() {
		for i := 1; i < len(f.Phases); i++ {
			all[i] = append(slices.Clone(all[i-1]), f.Phases[i-1].Name)
		}
		return all
	}
	index := make(map[string]int, len(f.Phases))
	for i, phase := range f.Phases {
		index[phase.Name] = i
	}
	above := make([]*big.Int, len(f.Phases)) // by phase, a bit for each that ends before it; nil: not known yet
	var find func(i int) *big.Int
	find = func(i int) *big.Int {
		if above[i] != nil {
			return above[i]
		}
		set := new(big.Int)
		for _, need := range f.Phases[i].Needs {
			if k := index[need.Text]; set.Bit(k) == 0 { // else it is there, with all that is above it
				set.SetBit(set.Or(set, find(k)), k, 1)
			}
		}
		above[i] = set
		return set
	}
	for i := range f.Phases {
		for k, set := 0, find(i); k < set.BitLen(); k++ {
			if set.Bit(k) == 1 {
				all[i] = append(all[i], f.Phases[k].Name)
			}
		}
	}
	return all
}

// labels are what stands in front of the lines of each step: its name, with that of the phase where others have it too.
func (f *File) labels() []map[string]string {
	count := map[string]int{}
	for _, phase := range f.Phases {
		for _, name := range phase.operations() {
			count[name]++
		}
	}
	all := make([]map[string]string, len(f.Phases))
	for i, phase := range f.Phases {
		all[i] = map[string]string{}
		for _, name := range phase.operations() {
			label := name
			if count[name] > 1 {
				label = phase.Name + "/" + name
			}
			all[i][name] = label
		}
	}
	return all
}

// operations are the names of all that the phase may run.
func (p *Phase) operations() []string {
	var names []string
	for _, step := range p.Steps {
		names = append(names, step.Name)
	}
	if p.Fallback != nil {
		names = append(names, "fallback")
	}
	if p.DryRun != nil {
		names = append(names, "dry_run")
	}
	return names
}

// A phaseRun runs the commands of one phase.
type phaseRun struct {
	*Runner
	file     *File
	phase    *Phase
	upstream []string
	labels   map[string]string
}

// run is the phase's work: its steps, one after the other. Its result is their outputs.
func (p *phaseRun) run(ctx context.Context, in orchestrator.Input) (any, error) {
	result := map[string]json.RawMessage{}
	own := map[string]string{}
	for i := range p.phase.Steps {
		step := &p.phase.Steps[i]
		policy := step.Retry.policy(0)
		policy.Retryable = step.Retry.retryable
		output, err := retry.Value(ctx, step.Name, policy, func(ctx context.Context) (*output, error) {
			return p.command(ctx, in, step, own)
		})
		if err != nil {
			return nil, err
		}
		if output != nil {
			result[step.Name] = output.json
			own[outputVariable(p.phase.Name, step.Name)] = output.text
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

// single is a function that runs one command once, for as long as an attempt of the phase's steps may take; nil when
// there is no command.
func (p *phaseRun) single(name string, c *Command) orchestrator.PhaseFunc {
	if c == nil {
		return nil
	}
	policy := retry.Policy{MaxRetries: retry.Never, AttemptTimeout: value(p.phase.Retry.AttemptTimeout)}
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		err := retry.Do(ctx, name, policy, func(ctx context.Context) error {
			_, err := p.command(ctx, in, &Step{Name: name, Run: *c}, nil)
			return err
		})
		return nil, err
	}
}

// command makes one attempt of a step.
func (p *phaseRun) command(ctx context.Context, in orchestrator.Input, step *Step, own map[string]string) (*output, error) {
	env := newEnvironment(p.Environ)
	env.setAll(p.file.Env)
	env.setAll(p.Values)
	env.setAll(p.phase.Env)
	env.setAll(step.Env)
	env.place(ctx, in)
	if err := p.tellOutputs(env, own); err != nil {
		return nil, retry.Permanent(err)
	}
	signals, done := p.track()
	defer done()
	label := p.labels[step.Name]
	stdout, stderr := newLines(label, p.Stdout), newLines(label, p.Stderr)
	defer stdout.end()
	defer stderr.end()
	command := child.Command{
		Args: step.Run.Args, Env: env.list, Dir: p.dir(step), Stdout: stdout, Stderr: stderr,
		Tail: tailBytes, Grace: p.file.Grace, Signals: signals,
	}
	var kept *capture
	if step.Output != NoOutput {
		kept = &capture{}
		command.Stdout = kept
	}
	result := command.Run(ctx)
	record(ctx, step.Run.Args[0], result)
	if !result.OK() {
		return nil, &commandError{result: result, ended: ctx.Err()}
	}
	if kept == nil {
		return nil, nil
	}
	return kept.output(step.Output)
}

// record tells the attempt's span about the process, as exec does.
func record(ctx context.Context, program string, r child.Result) {
	span := trace.SpanFromContext(ctx)
	if r.PID == 0 || r.Err != nil || !span.IsRecording() {
		return
	}
	code := r.ExitCode
	if r.Signal != 0 {
		code = child.CodeSignal + int(r.Signal)
		span.SetAttributes(semconv.ProcessSignalKey.String(child.SignalName(r.Signal)))
	}
	span.SetAttributes(semconv.ProcessExecutableKey.String(filepath.Base(program)),
		semconv.ProcessPIDKey.Int(r.PID), semconv.ProcessExitCodeKey.Int(code))
}

const (
	tailBytes  = 4 << 10   // of stderr, for the error's description
	maxOutputs = 512 << 10 // all outputs that one command is told
)

// tellOutputs tells the command the outputs upstream.
func (p *phaseRun) tellOutputs(env *environment, own map[string]string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := 0
	tell := func(values map[string]string) {
		for name, value := range values {
			size += len(name) + len(value)
			env.set(name, value)
		}
	}
	for _, phase := range p.upstream {
		tell(p.outputs[phase])
	}
	if tell(own); size > maxOutputs {
		return fmt.Errorf("the outputs of the steps before have %d bytes together, want at most %d; write large ones to files", size, maxOutputs)
	}
	return nil
}

// dir is the directory of a step: its own from that of the phase, and that from that of the file.
func (p *phaseRun) dir(step *Step) string {
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
