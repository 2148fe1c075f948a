package checkpoints

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/plan"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/orchestrator/checkpoint"
	"github.com/backspan/backspan/telemetry"
)

// Default is the value of a flag that means the directory beside the event log.
const Default = "default"

// Store is the store in the directory that by names; Default is the one beside the event log.
func Store(flags *settings.Flags, by, named string) (checkpoint.Store, string, error) {
	if named != Default {
		if named == "" {
			return nil, "", cli.BadValue(by, named, errors.New("want a directory"))
		}
		inside, err := safefile.Resolve(filepath.Join(named, "journal")) // who names it may go by links
		if err != nil {
			return nil, "", cli.BadValue(by, named, fmt.Errorf("want a directory: %w", err))
		}
		return checkpoint.Dir(filepath.Dir(inside)), named, nil
	}
	config, err := flags.Settings()
	if err != nil {
		return nil, "", err
	}
	if config.Events == telemetry.Off {
		return nil, "", cli.UsageError(fmt.Errorf("%s: with events off there is no directory by default, "+
			"want --checkpoint=DIR", by))
	}
	dir := filepath.Join(filepath.Dir(cmp.Or(config.Events, events.DefaultPath)), "checkpoints")
	return checkpoint.Dir(dir), dir, nil
}

// A Note is what a journal keeps for the command to go on with a run.
type Note struct {
	File   string            `json:"file,omitempty"` // the pipeline's absolute path
	Only   []string          `json:"only,omitempty"`
	From   string            `json:"from,omitempty"`
	Values map[string]string `json:"values,omitempty"` // of the vars
	Taken  plan.Outputs      `json:"taken"`            // those of phases that are left out

	States map[string]json.RawMessage `json:"states,omitempty"` // of phases, as of steps.Runner.Restore
}

// A Run is one that was kept.
type Run struct {
	checkpoint.Info

	Note Note
}

// Runs are the runs in store, the newest first. warn is told of journals that cannot be read.
func Runs(ctx context.Context, store checkpoint.Store, warn func(error)) (runs []Run, err error) {
	for info, err := range checkpoint.Runs(ctx, store) {
		run := Run{Info: info}
		if err == nil {
			if err = json.Unmarshal(info.Note, &run.Note); err != nil {
				err = fmt.Errorf("session %s: its journal is not one of backspan run: %w", info.ID, err)
			}
		}
		if err != nil {
			warn(err)
			continue
		}
		runs = append(runs, run)
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return b.Began.Compare(a.Began) })
	return runs, ctx.Err()
}

// Find returns the run whose session is, or begins with, session; with an empty one the last run of file.
func Find(runs []Run, session, file, dir string) (*Run, error) {
	fits := func(r *Run) bool { return r.Note.File == file }
	if session != "" {
		fits = func(r *Run) bool { return strings.HasPrefix(r.ID, session) }
	}
	var found *Run
	for i := range runs {
		switch r := &runs[i]; {
		case !fits(r):
		case session == "":
			return r, nil
		case r.ID == session:
			return r, nil
		case found != nil:
			return nil, fmt.Errorf("sessions %s and %s both begin so; give more of it", found.ID, r.ID)
		default:
			found = r
		}
	}
	switch {
	case found != nil:
		return found, nil
	case session != "":
		return nil, fmt.Errorf("%s has no unfinished run with a session that begins with %q", dir, session)
	default:
		return nil, fmt.Errorf("%s has no unfinished run of %s", dir, file)
	}
}
