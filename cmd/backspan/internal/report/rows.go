package report

import (
	"cmp"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/internal/semconv"
)

// A row is one line of the waterfall as the script reads it. Times are in microseconds after the first row's begin.
type row struct {
	Parent    int         `json:"parent"` // index of another row; -1: none
	Kind      string      `json:"kind,omitempty"`
	Name      string      `json:"name"`
	Start     int64       `json:"start"`
	Took      int64       `json:"took"`
	State     string      `json:"state"`
	Failed    bool        `json:"failed,omitempty"`
	Error     string      `json:"error,omitempty"`
	ErrorType string      `json:"type,omitempty"`
	Made      int         `json:"made,omitempty"`    // operation, phase: how many tries
	Waited    int64       `json:"waited,omitempty"`  // operation, phase: all waits; try: the wait after it
	Wait      *rowWait    `json:"wait,omitempty"`    // try: the wait after it
	Open      bool        `json:"open,omitempty"`    // its end is not known
	Unbegun   bool        `json:"unbegun,omitempty"` // its begin is not known
	Trace     int         `json:"trace,omitempty"`   // 1 + index of data.Traces; 0: none
	Span      string      `json:"span,omitempty"`
	More      [][2]string `json:"more,omitempty"` // whatever else the span says
}

// A rowWait is a wait; its begin is the end of its row.
type rowWait struct {
	Took    int64 `json:"took"`
	Planned int64 `json:"planned,omitempty"` // 0: not known
	Open    bool  `json:"open,omitempty"`
	Cut     bool  `json:"cut,omitempty"` // no try came after it
}

// rowsOf lays trees out line by line. It is no recursion: files may nest spans as deep as they are long.
func rowsOf(roots []*node, first time.Time) (rows []row, traces []string) {
	type todo struct {
		*node
		parent int
		wait   *wait // after it
	}
	var stack []todo
	push := func(nodes []*node, parent int, waits map[*node]*wait) {
		for i := len(nodes) - 1; i >= 0; i-- {
			stack = append(stack, todo{nodes[i], parent, waits[nodes[i]]})
		}
	}
	traceIndex := map[string]int{}
	push(roots, -1, nil)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]

		r := newRow(n.node, first)
		r.Parent = n.parent
		if n.TraceID.IsValid() {
			id := n.TraceID.String()
			if _, known := traceIndex[id]; !known {
				traces = append(traces, id)
				traceIndex[id] = len(traces)
			}
			r.Trace = traceIndex[id]
		}
		children := n.children
		tries := n.tries()
		after := map[*node]*wait{}
		if n.Kind == semconv.KindOperation || n.Kind == semconv.KindPhase {
			r.Made = n.made(tries)
		}
		if len(tries) > 0 {
			for i, w := range n.waits(tries) {
				if w != nil {
					after[tries[i]] = w
					r.Waited += waterfall.Told(w.planned, w.took()).Microseconds()
				}
			}
			if n.alone(tries, r.Made) {
				children = r.absorb(n.node, tries[0])
			}
		}
		if w := n.wait; w != nil {
			r.Waited = waterfall.Told(w.planned, w.took()).Microseconds()
			r.Wait = &rowWait{w.took().Microseconds(), w.planned.Microseconds(), w.open, w.cut}
		}
		rows = append(rows, r)
		push(children, len(rows)-1, after)
	}
	return rows, traces
}

func newRow(n *node, first time.Time) row {
	r := row{
		Kind:      kindOf(n),
		Name:      visible(cmp.Or(tryName(n), "(no name)"), maxName),
		Start:     n.from.Sub(first).Microseconds(),
		Took:      n.to.Sub(n.from).Microseconds(),
		State:     n.state(),
		Failed:    n.Failed(),
		ErrorType: visible(n.Text(semconv.ErrorTypeKey), maxName),
		Open:      n.open,
		Unbegun:   n.unbegun,
		More:      more(n),
	}
	if n.Failed() {
		r.Error = visible(n.StatusText, maxText)
	}
	if n.SpanID.IsValid() {
		r.Span = n.SpanID.String()
	}
	return r
}

// kindOf lets nothing but our own words through: the script makes class names of them.
func kindOf(n *node) string {
	switch n.Kind {
	case semconv.KindRun, semconv.KindPhase, semconv.KindOperation, semconv.KindAttempt, semconv.KindRecovery, semconv.KindFallback:
		return n.Kind
	}
	return ""
}

// tryName tells the tenth attempt from the eleventh: their spans share one name. A fallback keeps its own.
func tryName(n *node) string {
	number, ok := n.Number(semconv.AttemptKey)
	switch {
	case ok && n.Kind == semconv.KindAttempt && n.Name == semconv.AttemptName(number):
		return "attempt " + strconv.Itoa(number)
	case ok && n.Kind == semconv.KindRecovery && n.Name == semconv.RecoveryName(number):
		return "recovery " + strconv.Itoa(number)
	}
	return n.Name
}

// alone reports whether n made one try that needs no row of its own, because nothing was to follow it.
func (n *node) alone(tries []*node, made int) bool {
	return len(tries) == 1 && made == 1 && tries[0].Text(semconv.ResultKey) != semconv.ResultRetrying
}

// absorb takes over what only the try knows, and returns n's children with the try's in its place.
func (r *row) absorb(n, try *node) []*node {
	if try.Failed() {
		r.Error = visible(cmp.Or(try.StatusText, n.StatusText), maxText)
		r.ErrorType = visible(cmp.Or(try.Text(semconv.ErrorTypeKey), n.Text(semconv.ErrorTypeKey)), maxName)
	}
	r.More = append(r.More, more(try)...)
	var children []*node
	for _, c := range n.children {
		if c == try {
			children = append(children, c.children...)
		} else {
			children = append(children, c)
		}
	}
	return children
}

// told are the attributes that a row shows in words of its own.
var told = map[attribute.Key]bool{
	semconv.KindKey: true, semconv.SessionIDKey: true, semconv.ErrorTypeKey: true, semconv.OperationKey: true,
	semconv.AttemptKey: true, semconv.DelayKey: true, semconv.NextDelayKey: true, semconv.ResultKey: true,
	semconv.AttemptsKey: true, semconv.RetriedKey: true, semconv.TotalDelayKey: true, semconv.OutcomeKey: true,
	semconv.PhaseNameKey: true, semconv.PhaseStatusKey: true, semconv.RunStatusKey: true,
	semconv.RecoveryAttemptedKey: true, semconv.RecoverySuccessKey: true, semconv.RecoveryAttemptsKey: true,
}

// maxMore is how many attributes of a span the page keeps: OpenTelemetry's own limit.
const maxMore = 128

// more is what else a span says: its other attributes, and a panic's stack.
func more(n *node) (list [][2]string) {
	add := func(key attribute.Key, v attribute.Value) {
		if len(list) < maxMore {
			list = append(list, [2]string{visible(string(key), maxName), visible(v.String(), maxText)})
		}
	}
	for _, kv := range n.Attributes {
		if !told[kv.Key] {
			add(kv.Key, kv.Value)
		}
	}
	for _, e := range n.Events {
		if e.Name == semconv.ExceptionEvent {
			for _, kv := range e.Attributes {
				add(kv.Key, kv.Value)
			}
		}
	}
	return list
}
