package run

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/outputs"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/plan"
	"github.com/backspan/backspan/cmd/backspan/internal/steps"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

// A selection is what is to be run of a pipeline file, and with what.
type selection struct {
	path   string         // as it was typed
	whole  *pipefile.File // the file
	file   *pipefile.File // the phases that were chosen
	values map[string]string
	store  *outputs.Store // where outputs are kept; nil: nowhere
	taken  plan.Outputs   // those of phases that are left out
}

// key is what two runs of a file must have in common for one to take the outputs of the other for its own.
func (s *selection) key() outputs.Run {
	run := outputs.Run{Pipeline: s.whole.Name, Fingerprint: s.whole.Fingerprint(), Vars: hashOf(s.values)}
	if s.path != "-" {
		run.File, _ = filepath.Abs(s.path) // without one it is found by its session only
	}
	return run
}

// hashOf is a hash of the values of vars. Values themselves may be secrets.
func hashOf(values map[string]string) string {
	if len(values) == 0 {
		return ""
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%q %q\n", name, values[name])
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:16])
}

// storeOf is where the outputs of runs are kept: beside the event log.
func (o *Options) storeOf() (*outputs.Store, error) {
	config, err := o.Settings()
	if err != nil || config.Events == telemetry.Off {
		return nil, err
	}
	return &outputs.Store{Dir: filepath.Join(filepath.Dir(cmp.Or(config.Events, events.DefaultPath)), "outputs")}, nil
}

// takeOutputs gives runner the outputs of phases that are left out. The error says which of them a command cannot do
// without, why it is not there, and how to give it.
func (o *Options) takeOutputs(s *selection, runner *steps.Runner) error {
	left := s.file.LeftOutputs()
	if len(left) == 0 {
		return nil
	}
	source, from, why, err := o.source(s)
	if err != nil {
		return err
	}
	s.taken.Why = why
	there := map[pipefile.StepOutput]bool{}
	hint := ""
	for _, output := range left {
		if source == nil {
			break
		}
		value, isSecret := source.Output(output.Phase, output.Step)
		if isSecret {
			hint = "; it is not kept when it looks like a secret, but stands in the file of --report-file"
		}
		if value == nil {
			continue
		}
		if err := runner.Take(output, value); err != nil {
			return cli.UsageError(fmt.Errorf("%s: the output of step %q of phase %q: %w", from, output.Step, output.Phase, err))
		}
		there[output] = true
		s.taken.From, s.taken.Session = from, source.SessionID
		if !slices.Contains(s.taken.Phases, output.Phase) {
			s.taken.Phases = append(s.taken.Phases, output.Phase)
		}
	}
	if source != nil && s.taken.From == "" {
		s.taken.Why = from + " has none"
	}
	var missing []string
	for _, need := range s.file.Needs(s.values, !o.noRecovery) {
		if !there[need.Output] {
			missing = append(missing, fmt.Sprintf("%s, which %s names, is not there: phase %q is left out",
				need.Variable, need.By, need.Output.Phase))
		}
	}
	if missing == nil {
		return nil
	}
	if source != nil {
		why = from + " has no such output" + hint
	}
	const help = "give outputs with --outputs REPORT or SESSION, or run what was left out too"
	return cli.UsageError(fmt.Errorf("%s: %s (%s); %s", o.selectedBy(), strings.Join(missing, "; "), why, help))
}

// selectedBy is the flag that left phases out.
func (o *Options) selectedBy() string {
	if o.from != "" {
		return "--from"
	}
	return "--only"
}

// source is the run whose outputs are taken, and what it is called; or why there is none.
func (o *Options) source(s *selection) (source *outputs.Run, from, why string, err error) {
	switch o.outputs {
	case telemetry.Off:
		return nil, "", "--outputs is off", nil
	case "":
		return s.lastRun()
	}
	refuse := func(err error) (*outputs.Run, string, string, error) {
		return nil, "", "", cli.UsageError(fmt.Errorf("--outputs is %q, want a report or a session: %w", o.outputs, err))
	}
	source, err = outputs.ReadReport(o.outputs)
	if errors.Is(err, os.ErrNotExist) {
		if s.store == nil {
			return refuse(errors.New("there is no such file, and with events off no session's outputs are kept"))
		}
		source, err = s.store.Find(o.outputs, s.whole.Name)
	}
	switch {
	case err != nil:
		return refuse(err)
	case source.Pipeline != s.whole.Name:
		return refuse(fmt.Errorf("it is of pipeline %q, not of %q", source.Pipeline, s.whole.Name))
	}
	return source, source.String(), "", nil
}

// lastRun is the last run of the same file, if its outputs can be taken for those of this one.
func (s *selection) lastRun() (source *outputs.Run, from, why string, err error) {
	key := s.key()
	switch {
	case s.store == nil:
		return nil, "", "with events off no outputs are kept", nil
	case key.File == "":
		return nil, "", "a pipeline from stdin has no last run", nil
	}
	runs, err := s.store.Runs()
	if err != nil {
		return nil, "", "", err
	}
	i := slices.IndexFunc(runs, func(r *outputs.Run) bool { return r.File == key.File })
	if i < 0 {
		return nil, "", fmt.Sprintf("%s has no run of %s", s.store.Dir, s.path), nil
	}
	from = "the last run of " + s.path + ", " + runs[i].String() + ","
	switch {
	case runs[i].Fingerprint != key.Fingerprint:
		return nil, "", from + " had other phases or outputs", nil
	case runs[i].Vars != key.Vars:
		return nil, "", from + " had other values of vars", nil
	}
	return runs[i], strings.TrimSuffix(from, ","), "", nil
}

// keepOutputs has the outputs of the run kept, those that it has taken too. It returns nil when there are none.
func (o *Options) keepOutputs(s *selection, session string, runner *steps.Runner, warn func(error)) *outputs.Keeper {
	if s.store == nil || o.dryRun || len(s.whole.StepOutputs()) == 0 {
		return nil
	}
	run := s.key()
	run.SessionID, run.Started = session, time.Now().UTC()
	keeper := s.store.Keep(run, o.Redact(), warn)
	runner.EachOutput(keeper.Add)
	runner.OnOutput = func(phase, step string, value json.RawMessage) { keeper.Add(phase, step, value) }
	return keeper
}
