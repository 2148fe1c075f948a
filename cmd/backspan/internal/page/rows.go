package page

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// A row is one line of the waterfall as the script reads it. Times are in microseconds after the first one known.
type row struct {
	Parent    int             `json:"parent"` // index of another row; -1: none
	Kind      string          `json:"kind,omitempty"`
	Name      string          `json:"name"`
	Start     int64           `json:"start"`
	Took      int64           `json:"took"`
	State     session.Outcome `json:"state"`
	Said      string          `json:"said,omitempty"` // how it ended, in words
	Failed    bool            `json:"failed,omitempty"`
	Error     string          `json:"error,omitempty"`
	Reason    string          `json:"reason,omitempty"` // the innermost part of the error, where that is not all of it
	Class     int             `json:"class,omitempty"`  // 1 + index of session.Summary.Errors; 0: none
	ErrorType string          `json:"type,omitempty"`
	Made      int             `json:"made,omitempty"`    // operation, phase: how many tries
	Waited    int64           `json:"waited,omitempty"`  // operation, phase: all waits; try: the wait after it
	Wait      *rowWait        `json:"wait,omitempty"`    // try: the wait after it
	Open      bool            `json:"open,omitempty"`    // its end is not known
	Unbegun   bool            `json:"unbegun,omitempty"` // its beginning is not known
	Trace     int             `json:"trace,omitempty"`   // 1 + index of data.Traces; 0: none
	Span      string          `json:"span,omitempty"`
	More      [][2]string     `json:"more,omitempty"` // whatever else the span says
}

// A rowWait is a wait; it begins at the end of its row.
type rowWait struct {
	Took int64  `json:"took"`
	Said string `json:"said,omitempty"` // see session.Wait
	Open bool   `json:"open,omitempty"`
}

// A table makes the rows of a session.
type table struct {
	sum     *session.Summary
	first   time.Time
	traces  map[trace.TraceID]int // 1 + index of data.Traces
	reasons *text.Memo            // of text.Reason
}

func newTable(s *session.Session, sum *session.Summary) *table {
	return &table{sum, s.First, map[trace.TraceID]int{}, text.Remember(text.Reason)}
}

// tracesOf are the traces that the rows are of, in their order.
func (t *table) tracesOf(roots []*session.Node) (traces []string) {
	for n := range inRows(roots) {
		if n.TraceID.IsValid() && t.traces[n.TraceID] == 0 {
			traces = append(traces, n.TraceID.String())
			t.traces[n.TraceID] = len(traces)
		}
	}
	return traces
}

// write writes the rows as JSON, one after the other. Of a hundred thousand the rows and the JSON of all of them took
// half of the memory of a report.
func (t *table) write(out *bufio.Writer, roots []*session.Node) error {
	var r row
	var line bytes.Buffer
	encoder := json.NewEncoder(&line) // it writes < > & as \u003c …, so that no text can end the script
	open := byte('[')
	for n, parent := range inRows(roots) {
		r = t.row(n)
		r.Parent = parent
		line.Reset()
		line.WriteByte(open)
		open = ','
		if err := encoder.Encode(&r); err != nil {
			return err
		}
		if _, err := out.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n"))); err != nil {
			return err
		}
	}
	return out.WriteByte(']') // there is a row, as there are spans
}

// inRows are the nodes in the order of their rows, each with the index of the row above it; -1: none.
func inRows(roots []*session.Node) iter.Seq2[*session.Node, int] {
	return func(yield func(*session.Node, int) bool) {
		at := 0
		var walk func(nodes []*session.Node, parent int) bool
		walk = func(nodes []*session.Node, parent int) bool {
			for _, n := range nodes {
				own := at
				at++
				if !yield(n, parent) || !walk(n.Rows(), own) {
					return false
				}
			}
			return true
		}
		walk(roots, -1)
	}
}

func (t *table) row(n *session.Node) row {
	r := row{
		Kind:    kindOf(n.Kind),
		Name:    cmp.Or(text.Safe(n.Label(), text.MaxName), "(no name)"),
		Start:   n.From.Sub(t.first).Microseconds(),
		Took:    n.To.Sub(n.From).Microseconds(),
		State:   n.Outcome(),
		Said:    n.Said(),
		Failed:  n.Failed(),
		Waited:  n.Waited().Microseconds(),
		Open:    n.Open,
		Unbegun: n.Unbegun,
		More:    more(n.Span, nil),
	}
	if n.CanRetry() {
		r.Made = max(n.Made(), len(n.Tries))
	}
	errorType := n.Text(semconv.ErrorTypeKey)
	if n.Failed() {
		r.Error = n.StatusText
	}
	if only := n.Only(); only != nil {
		r.More = more(only.Span, r.More)
		if only.Failed() {
			r.Error = cmp.Or(only.StatusText, r.Error)
			errorType = cmp.Or(only.Text(semconv.ErrorTypeKey), errorType)
		}
	}
	r.Error, r.ErrorType = text.Safe(r.Error, text.MaxText), text.Safe(errorType, text.MaxName)
	if r.Error != "" {
		if reason := t.reasons.Of(r.Error); reason != r.Error {
			r.Reason = reason
		}
	}
	if i, ok := t.sum.Class(n); ok {
		r.Class = i + 1
	}
	if w := n.Wait; w != nil {
		r.Wait = &rowWait{w.Took().Microseconds(), w.Said(), w.Open}
	}
	if n.SpanID.IsValid() {
		r.Span = n.SpanID.String()
	}
	r.Trace = t.traces[n.TraceID]
	return r
}

// kindOf lets nothing but our own words through: the script makes class names of them.
func kindOf(kind string) string {
	switch kind {
	case semconv.KindRun, semconv.KindPhase, semconv.KindOperation:
		return kind
	}
	if semconv.IsTry(kind) {
		return kind
	}
	return ""
}

// told are the attributes that a row shows in words of its own.
var told = map[attribute.Key]bool{
	semconv.KindKey: true, semconv.SessionIDKey: true, semconv.ErrorTypeKey: true, semconv.OperationKey: true,
	semconv.AttemptKey: true, semconv.DelayKey: true, semconv.NextDelayKey: true, semconv.ResultKey: true,
	semconv.AttemptsKey: true, semconv.RetriedKey: true, semconv.TotalDelayKey: true, semconv.OutcomeKey: true,
	semconv.PhaseNameKey: true, semconv.PhaseStatusKey: true, semconv.PhaseFallbackKey: true, semconv.ParentOpKey: true,
	semconv.RunNameKey: true, semconv.RunStatusKey: true, semconv.RunDryRunKey: true,
	semconv.RecoveryAttemptedKey: true, semconv.RecoverySuccessKey: true, semconv.RecoveryAttemptsKey: true,
}

// ofOperations is what the operation says, and its failed tries as well.
var ofOperations = []attribute.Key{semconv.MaxRetriesKey, semconv.MaxElapsedKey, semconv.DepthKey}

// maxMore is how many attributes of a row the page keeps: OpenTelemetry's own limit.
const maxMore = 128

// more adds what else a span says to list: its other attributes, and a panic's stack.
func more(s *session.Span, list [][2]string) [][2]string {
	add := func(kv attribute.KeyValue) {
		again := s.IsTry() && slices.Contains(ofOperations, kv.Key)
		if len(list) < maxMore && !told[kv.Key] && !again {
			key, value := text.Safe(string(kv.Key), text.MaxName), text.Safe(kv.Value.String(), text.MaxText)
			list = append(list, [2]string{key, value})
		}
	}
	for _, kv := range s.Attributes {
		add(kv)
	}
	for _, e := range s.Events {
		if e.Name == semconv.ExceptionEvent {
			for _, kv := range e.Attributes {
				add(kv)
			}
		}
	}
	return list
}
