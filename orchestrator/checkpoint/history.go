package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
)

// A record is a line of a journal: when, and one thing that happened then.
type record struct {
	At       time.Time            `json:"at"`
	Head     *head                `json:"head,omitempty"`     // the first record, or that of another plan
	Resumed  *process             `json:"resumed,omitempty"`  // a process took the run over
	Started  *attempt             `json:"started,omitempty"`  // an attempt is about to be made
	Done     *engine.Done         `json:"done,omitempty"`     // it ended, and the run goes by that
	Timer    *engine.Wait         `json:"timer,omitempty"`    // a wait was over
	Lost     *attempt             `json:"lost,omitempty"`     // it ended with its process, and is made again
	Cut      *attempt             `json:"cut,omitempty"`      // it ended because the run was stopped, and is made again
	Cleaned  string               `json:"cleaned,omitempty"`  // a phase that began after the stop
	Stopped  *stop                `json:"stopped,omitempty"`  // the run's context ended
	Recorded *string              `json:"recorded,omitempty"` // the span of a phase is about to end
	Noted    *note                `json:"noted,omitempty"`    // see Notes
	Finished *orchestrator.Status `json:"finished,omitempty"` // the run and its span are about to end
}

// format is the version of the records.
const format = 1

// head is what holds for the whole run.
type head struct {
	Format          int               `json:"format"`
	RunID           string            `json:"run_id"`
	Outline         engine.Outline    `json:"outline"`
	EnableRecovery  bool              `json:"enable_recovery,omitempty"`
	DryRun          bool              `json:"dry_run,omitempty"`
	MaxParallel     int               `json:"max_parallel,omitempty"`
	ContinueOnError bool              `json:"continue_on_error,omitempty"`
	Parent          *span             `json:"parent,omitempty"` // the span around the run
	Facts           map[string]string `json:"facts,omitempty"`
	Note            json.RawMessage   `json:"note,omitempty"`
	Process         process           `json:"process"`
}

// A process is one that had the run.
type process struct {
	PID  int    `json:"pid"`
	Host string `json:"host,omitempty"`
}

// A stop is the end of the run's context, and the span that the run had then.
type stop struct {
	engine.Stop

	Span *span `json:"span,omitempty"`
}

// An attempt names one of a phase; see engine.Task.
type attempt struct {
	Phase    string `json:"phase"`
	Attempt  int    `json:"attempt"`
	Fallback bool   `json:"fallback,omitempty"`
}

func attemptOf(task engine.Task) *attempt { return &attempt{task.Phase, task.Attempt, task.Fallback} }

// A span is a span context that survives JSON.
type span struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
	Flags   byte   `json:"flags"`
	State   string `json:"state,omitempty"`
}

func spanOf(sc trace.SpanContext) *span {
	if !sc.IsValid() {
		return nil
	}
	return &span{sc.TraceID().String(), sc.SpanID().String(), byte(sc.TraceFlags()), sc.TraceState().String()}
}

func (s *span) context() (sc trace.SpanContext, err error) {
	if s == nil {
		return sc, nil
	}
	config := trace.SpanContextConfig{TraceFlags: trace.TraceFlags(s.Flags), Remote: true}
	var errs [3]error
	config.TraceID, errs[0] = trace.TraceIDFromHex(s.TraceID)
	config.SpanID, errs[1] = trace.SpanIDFromHex(s.SpanID)
	config.TraceState, errs[2] = trace.ParseTraceState(s.State)
	return trace.NewSpanContext(config), errors.Join(errs[:]...)
}

// A history is what the records of a journal say.
type history struct {
	head
	began     time.Time
	planned   time.Time                  // when it began with this plan
	happened  []record                   // Done and Timer, in their order; since the plan was changed
	kept      map[string]json.RawMessage // by phase: results of before the plan was changed
	begun     map[string]time.Time       // by phase: when its first attempt was started in the last part that had it
	open      map[string]record          // by phase: Started of the attempt whose end is not known
	lost      map[string]int             // by phase: attempts that ended with their process, and were made again
	recorded  map[string]bool            // by phase: its span has ended
	parts     map[string]int             // by phase: that part
	part      int                        // how often the run was stopped and gone on with, or its plan changed
	partBegan time.Time
	stopped   *stop    // the run was stopped, and nobody has gone on with it
	cleaned   []string // phases that began after that
	finished  *orchestrator.Status
	notes     map[string]json.RawMessage // see Notes
	places    map[string]Place           // by phase: what is under way
	last      time.Time                  // the last record's
	had       intervals                  // when a process had the run
}

type intervals []interval

type interval struct{ from, to time.Time }

// until is how long they are together until at.
func (all intervals) until(at time.Time) (sum time.Duration) {
	for _, i := range all {
		if at.Before(i.to) {
			i.to = at
		}
		sum += max(0, i.to.Sub(i.from))
	}
	return sum
}

// read makes a history of the records of a journal. It is empty, and nil, when there are none.
func read(journal string, records [][]byte) (*history, error) {
	if len(records) == 0 {
		return nil, nil
	}
	h := &history{}
	for i, text := range records {
		var r record
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		err := d.Decode(&r)
		if _, after := d.Token(); err == nil && !errors.Is(after, io.EOF) {
			err = errors.New("something follows the record")
		}
		if err == nil {
			err = h.add(r)
		}
		if err != nil {
			return nil, &CorruptError{Journal: journal, Record: i + 1, Err: err}
		}
	}
	return h, nil
}

// add adds a record.
func (h *history) add(r record) error {
	first := h.began.IsZero()
	switch {
	case first && r.Head == nil:
		return errors.New("the first record is not the one that a run begins with")
	case r.Head != nil && r.Head.Format != format:
		return fmt.Errorf("its format is %d, want %d: another version of Backspan wrote it", r.Head.Format, format)
	case h.finished != nil:
		return errors.New("a record follows the end of the run")
	}
	if first || r.Resumed != nil {
		h.had = append(h.had, interval{r.At, r.At})
	}
	h.last = r.At
	if !first {
		h.place(r)
	}
	h.had[len(h.had)-1].to = r.At
	switch {
	case r.Head != nil:
		h.plan(r)
	case r.Resumed != nil:
		h.Process = *r.Resumed
		if h.stopped != nil {
			h.part, h.partBegan, h.Parent = h.part+1, r.At, h.stopped.Span
		}
		h.stopped, h.cleaned = nil, nil
	case r.Started != nil:
		if part, known := h.parts[r.Started.Phase]; !known || part != h.part {
			h.begun[r.Started.Phase], h.parts[r.Started.Phase] = r.At, h.part
		}
		h.open[r.Started.Phase] = r
	case r.Done != nil:
		delete(h.open, r.Done.Phase)
		h.happened = append(h.happened, r)
	case r.Timer != nil:
		h.happened = append(h.happened, r)
	case r.Lost != nil:
		delete(h.open, r.Lost.Phase)
		h.lost[r.Lost.Phase]++
	case r.Cut != nil:
		delete(h.open, r.Cut.Phase)
	case r.Cleaned != "":
		h.cleaned = append(h.cleaned, r.Cleaned)
	case r.Stopped != nil:
		h.stopped = r.Stopped
	case r.Recorded != nil:
		h.recorded[*r.Recorded] = true
	case r.Noted != nil:
		h.notes[r.Noted.Key] = r.Noted.Value
	case r.Finished != nil:
		h.finished = r.Finished
	default:
		return errors.New("the record says nothing")
	}
	return nil
}

// plan takes in a head: the first one, or that of another plan, of which only results are kept.
func (h *history) plan(r record) {
	kept, parent := h.results(), h.Parent
	first := h.began.IsZero()
	h.head, h.kept, h.happened = *r.Head, kept, nil
	if first {
		h.began, h.partBegan, h.notes = r.At, r.At, map[string]json.RawMessage{}
	} else {
		h.part, h.partBegan, h.Parent = h.part+1, r.At, parent // the spans of its phases are others
	}
	h.planned = r.At
	h.places = map[string]Place{}
	h.recorded, h.parts = map[string]bool{}, map[string]int{}
	h.begun, h.open, h.lost = map[string]time.Time{}, map[string]record{}, map[string]int{}
}

// results are those of phases that succeeded.
func (h *history) results() map[string]json.RawMessage {
	all := maps.Clone(h.kept)
	for _, r := range h.happened {
		if r.Done != nil && r.Done.Status == orchestrator.AttemptSuccess && r.Done.Skipped == "" {
			if all == nil {
				all = map[string]json.RawMessage{}
			}
			all[r.Done.Phase] = r.Done.Output
		}
	}
	return all
}

// changes says what is otherwise in now than it was when the run began.
func (h *history) changes(now *head) []string {
	lines := h.Outline.Changes(now.Outline)
	names := slices.Collect(maps.Keys(h.Facts))
	for name := range now.Facts {
		if _, known := h.Facts[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		was, known := h.Facts[name]
		is, there := now.Facts[name]
		switch {
		case !known:
			lines = append(lines, name+" is new")
		case !there:
			lines = append(lines, name+" is gone")
		case was != is:
			lines = append(lines, name+" is another one")
		}
	}
	return lines
}
