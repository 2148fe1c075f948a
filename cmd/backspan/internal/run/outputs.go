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
	source *outputs.Run   // which they were taken from; nil: from none

	journal *journal // where the run is kept; nil: nowhere
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
	from, why, err := o.source(s)
	if err != nil {
		return err
	}
	s.taken.Why = why
	lacks := map[pipefile.StepOutput]string{} // why an output is not there
	for _, output := range left {
		if s.source == nil {
			lacks[output] = why
			continue
		}
		value, why := o.output(s, output, from)
		if value == nil {
			lacks[output] = why
			continue
		}
		if err := runner.Take(output, value); err != nil {
			return cli.UsageError(fmt.Errorf("%s: the output of step %q of phase %q: %w",
				from, output.Step, output.Phase, err))
		}
		s.taken.From, s.taken.Session = from, s.source.SessionID
		if !slices.Contains(s.taken.Phases, output.Phase) {
			s.taken.Phases = append(s.taken.Phases, output.Phase)
		}
	}
	switch {
	case s.source == nil || len(lacks) == 0:
	case s.taken.From == "":
		s.taken.Why = lacks[left[0]]
	default:
		s.taken.Lacking = sorted(lacks)
	}
	return o.refuseWithout(s, lacks)
}

// output is an output of the run that s takes them from, which is called from; or why it is not taken.
func (o *Options) output(s *selection, output pipefile.StepOutput, from string) (value json.RawMessage, why string) {
	value, isSecret := s.source.Output(output.Phase, output.Step)
	switch {
	case isSecret:
		return nil, from + " has no such output; it is not kept when it looks like a secret, " +
			"but stands in the file of --report-file"
	case value == nil:
		return nil, from + " has no such output"
	case o.outputs != "": // who names a run means it
		return value, ""
	}
	upstream := s.whole.Upstream()[output.Phase]
	if changed := s.source.Changed(outputs.Recipes(s.whole), upstream, output.Phase, output.Step); changed != "" {
		const form = "%s, %s; --outputs %s takes its outputs all the same"
		return nil, fmt.Sprintf(form, from, changed, s.source.SessionID)
	}
	return value, ""
}

// sorted are lines that say why outputs are not there.
func sorted(lacks map[pipefile.StepOutput]string) (lines []string) {
	for output, why := range lacks {
		lines = append(lines, pipefile.OutputVariable(output.Phase, output.Step)+": "+why)
	}
	slices.Sort(lines)
	return lines
}

// refuseWithout refuses a selection of phases whose commands name outputs that are not there, for these reasons.
func (o *Options) refuseWithout(s *selection, lacks map[pipefile.StepOutput]string) error {
	var missing, whys []string
	for _, need := range s.file.Needs(s.values, !o.noRecovery) {
		why, lacking := lacks[need.Output]
		if !lacking {
			continue
		}
		missing = append(missing, fmt.Sprintf("%s, which %s names, is not there: phase %q is left out",
			need.Variable, need.By, need.Output.Phase))
		if !slices.Contains(whys, why) {
			whys = append(whys, why)
		}
	}
	if missing == nil {
		return nil
	}
	const help = "give outputs with --outputs REPORT or SESSION, or run what was left out too"
	return cli.UsageError(fmt.Errorf("%s: %s (%s); %s",
		o.selectedBy(), strings.Join(missing, "; "), strings.Join(whys, "; "), help))
}

// selectedBy is the flag that left phases out.
func (o *Options) selectedBy() string {
	if o.from != "" {
		return "--from"
	}
	return "--only"
}

// source finds the run whose outputs s takes, and says what it is called; or why there is none.
func (o *Options) source(s *selection) (from, why string, err error) {
	switch o.outputs {
	case telemetry.Off:
		return "", "--outputs is off", nil
	case "":
		return s.lastRun()
	}
	refuse := func(err error) (from, why string, _ error) {
		return "", "", cli.UsageError(fmt.Errorf("--outputs is %q, want a report or a session: %w", o.outputs, err))
	}
	source, err := outputs.ReadReport(o.outputs)
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
	s.source = source
	return source.String(), "", nil
}

// lastRun finds the last run of the same file, if its outputs can be taken for those of this one.
func (s *selection) lastRun() (from, why string, err error) {
	key := s.key()
	switch {
	case s.store == nil:
		return "", "with events off no outputs are kept", nil
	case key.File == "":
		return "", "a pipeline from stdin has no last run", nil
	}
	runs, err := s.store.Runs()
	if err != nil {
		return "", "", err
	}
	i := slices.IndexFunc(runs, func(r *outputs.Run) bool { return r.File == key.File })
	if i < 0 {
		return "", fmt.Sprintf("%s has no run of %s", s.store.Dir, s.path), nil
	}
	from = "the last run of " + s.path + ", " + runs[i].String() + ","
	switch {
	case runs[i].Fingerprint != key.Fingerprint:
		return "", from + " had other phases or outputs", nil
	case runs[i].Vars != key.Vars:
		return "", from + " had other values of vars", nil
	}
	s.source = runs[i]
	return strings.TrimSuffix(from, ","), "", nil
}

// keepOutputs begins to keep the outputs of the run. It returns nil when there are none to keep.
func (o *Options) keepOutputs(s *selection, session string, warn func(error)) *outputs.Keeper {
	if s.store == nil || o.dryRun || len(s.whole.StepOutputs()) == 0 {
		return nil
	}
	run := s.key()
	run.SessionID, run.Started = session, time.Now().UTC()
	run.Recipes = outputs.Recipes(s.whole)
	for phase := range run.Recipes {
		if !s.file.LeftOut(phase) {
			continue
		}
		delete(run.Recipes, phase)
		if s.source != nil && s.source.Recipes[phase] != nil {
			run.Recipes[phase] = s.source.Recipes[phase] // not those of now, which its outputs may be older than
		}
	}
	return s.store.Keep(run, o.Redact(), warn)
}
