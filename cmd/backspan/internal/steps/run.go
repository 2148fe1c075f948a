package steps

import (
	"encoding/json"
	"os"
	"sync"
	"syscall"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/orchestrator"
)

// A Runner runs the commands of one run. It is made for one run and used once.
type Runner struct {
	// Stdout and Stderr get what the commands write. Writes come from several goroutines at once.
	Stdout, Stderr Stream

	Mask func(string) string // masks secrets in error texts that commands and reports are told; nil: none

	Environ []string          // the environment that the commands' own is built upon, as name=value
	Values  map[string]string // of the file's vars; see pipefile.File.Values

	// OnOutput is told the output of a step as soon as that has succeeded, one call at a time. It may be nil.
	OnOutput func(phase, step string, value json.RawMessage)

	// OnState is told what another process needs to know of a phase, for its Restore, when one of its steps has ended.
	// It may be nil.
	OnState func(phase string, state json.RawMessage)

	file       *pipefile.File
	declared   map[string]pipefile.StepOutput // by variable
	upstream   map[string][]string            // by phase: the phases whose end it waits for, also through others
	operations map[string]int                 // by name: how many operations have it

	mu       sync.Mutex
	killed   bool
	running  map[chan os.Signal]struct{}
	produced map[string]*produced // by phase that has begun, or whose outputs were taken from another run
}

// Pipeline is the pipeline of f, whose commands r runs.
func (r *Runner) Pipeline(f *pipefile.File) orchestrator.Pipeline {
	r.file, r.declared, r.upstream = f, f.StepOutputs(), f.Upstream()
	r.operations, r.running, r.produced = map[string]int{}, map[chan os.Signal]struct{}{}, map[string]*produced{}
	pipeline := f.Pipeline()
	for i := range f.Phases {
		phase := &phaseRun{Runner: r, phase: &f.Phases[i], cleanup: f.Phases[i].If != orchestrator.OnSuccess}
		fallback := &phaseRun{Runner: r, phase: phase.phase, cleanup: true}
		for _, step := range phase.phase.Steps {
			r.operations[step.Name]++
		}
		out := &pipeline.Phases[i]
		out.Run = phase.run
		out.Fallback = fallback.fallback()
		out.DryRun = phase.dryRun()
	}
	return pipeline
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
	default: // one is in there already
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
