package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
)

// A State says what became of a run.
type State string

// The states.
const (
	Running     State = "running"     // a process has it
	Interrupted State = "interrupted" // its process died
	Stopped     State = "stopped"     // its context ended: somebody cancelled it, or its time was up
	Ended       State = "ended"       // Resume returns its report
)

// Info is what a journal says of its run.
type Info struct {
	ID       string
	Pipeline string
	State    State
	Began    time.Time
	Last     time.Time           // the last that is known of it
	PID      int                 // of the process that had it last, and its host
	Host     string              //
	DryRun   bool                //
	Status   orchestrator.Status // of a run that has ended
	Reason   string              // why it was stopped
	Phases   int                 // how many the pipeline has
	Done     []string            // those that succeeded, by name
	At       []Place             // what was under way, by the names of the phases
	Cleaned  []string            // phases that began after it was stopped, and begin again
	Note     json.RawMessage     // Options.Note
}

// A Place is where a phase was.
type Place struct {
	Phase    string
	Attempt  int       // as in orchestrator.Input
	Fallback bool      // it was the fallback's
	Until    time.Time // of the wait before the attempt; zero during it
	Lost     int       // attempts of the phase that ended with their process
}

// String reads like `load: recovery 2 (waiting until 15:04:05)`.
func (p Place) String() string {
	text := fmt.Sprintf("%s: recovery %d", p.Phase, p.Attempt)
	switch {
	case p.Fallback:
		text = p.Phase + ": fallback"
	case p.Attempt == 0:
		text = p.Phase + ": attempt 1"
	}
	if !p.Until.IsZero() {
		text += ", waiting until " + p.Until.Local().Format(time.TimeOnly)
	}
	return text
}

// Runs yields what the journals in a store say. An error is that of one journal, or of the store.
func Runs(ctx context.Context, store Store) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for saved, err := range store.List(ctx) {
			var info Info
			if err == nil {
				info, err = infoOf(saved)
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func infoOf(saved Saved) (Info, error) {
	h, err := read("the journal of run "+saved.ID, saved.Records)
	if err != nil || h == nil {
		return Info{ID: saved.ID}, err
	}
	info := Info{
		ID: h.RunID, Pipeline: h.Outline.Pipeline, State: Interrupted, Began: h.began, Last: h.last,
		PID: h.Process.PID, Host: h.Process.Host, DryRun: h.DryRun, Phases: len(h.Outline.Phases),
		Done: slices.Sorted(maps.Keys(h.results())), Cleaned: h.cleaned, Note: h.Note,
	}
	for _, phase := range slices.Sorted(maps.Keys(h.places)) {
		place := h.places[phase]
		place.Lost = h.lost[phase]
		info.At = append(info.At, place)
	}
	switch {
	case saved.Open:
		info.State = Running
	case h.finished != nil:
		info.State, info.Status = Ended, *h.finished
	case h.stopped != nil:
		info.State, info.Reason = Stopped, h.stopped.String()
	}
	return info, nil
}

// idOf is the id of the run whose journal the records are, or other when they do not say.
func idOf(records [][]byte, other string) string {
	var first record
	if len(records) > 0 && json.Unmarshal(records[0], &first) == nil && first.Head != nil {
		return first.Head.RunID
	}
	return other
}

// place notes where the phases are after a record.
func (h *history) place(r record) {
	at := func(a *attempt) { h.places[a.Phase] = Place{Phase: a.Phase, Attempt: a.Attempt, Fallback: a.Fallback} }
	switch {
	case r.Started != nil:
		at(r.Started)
	case r.Lost != nil:
		at(r.Lost)
	case r.Cut != nil:
		at(r.Cut)
	case r.Timer != nil:
		at(&attempt{Phase: r.Timer.Phase, Attempt: r.Timer.Attempt})
	case r.Done != nil:
		h.placeAfter(r.Done, r.At)
	}
}

func (h *history) placeAfter(d *engine.Done, ended time.Time) {
	if !d.Decision.Retry {
		delete(h.places, d.Phase)
		return
	}
	h.places[d.Phase] = Place{Phase: d.Phase, Attempt: d.Attempt + 1, Until: ended.Add(d.Decision.Delay)}
}
