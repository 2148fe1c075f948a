package live

import (
	"slices"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// A wait is one that goes on.
type wait struct {
	since, until time.Time // until as planned
}

func (w wait) planned() time.Duration { return w.until.Sub(w.since) }

// A liveState knows the spans that run, and the phases of running runs that ended.
type liveState struct {
	spans map[session.Key]*liveSpan
	roots []*liveSpan
}

// A liveSpan is a span that runs. Attempts and recoveries have no line of their own: what runs below them belongs to
// their host, and what they did is told in its line.
type liveSpan struct {
	span     sdktrace.ReadWriteSpan
	key      session.Key
	kind     string
	name     string // clean
	phase    string // clean; "" outside of any
	host     *liveSpan
	children []*liveSpan

	tries   int       // that started, without the fallback
	tryKind string    // of the newest try
	tryName string    // of the newest try
	trying  time.Time // when the newest started
	failure string    // why the last one failed, safe to show, with its lines; "" before any did
	told    string    // the failure that was printed last, here or below; "" when none was since its try began
	wait    wait      // the current one; zero when there is none
	waited  time.Duration
	saved   session.Outcome // what ended well after a failed try, in n or below; "" when nothing did

	ended *session.Span // a phase that ended, while its run goes on
}

const (
	maxLiveSpans  = 10_000 // more are not shown
	maxEndedShown = 5      // phases of a run that ended
)

func newLiveState() liveState { return liveState{spans: map[session.Key]*liveSpan{}} }

// start adds a span; it returns nil when that is not to be told.
func (st *liveState) start(frame scope.Frame, s sdktrace.ReadWriteSpan) *liveSpan {
	if len(st.spans) >= maxLiveSpans {
		return nil
	}
	key := session.KeyOf(s.SpanContext())
	n := &liveSpan{
		span:  s,
		key:   key,
		kind:  frame.Starting,
		name:  text.Name(s.Name()),
		phase: text.Line(frame.Phase),
		host:  st.hostOf(key, s, frame),
	}
	st.spans[key] = n
	if isShown(n.kind) {
		if n.host == nil {
			st.roots = append(st.roots, n)
		} else {
			n.host.children = append(n.host.children, n)
		}
		return n
	}
	if h := n.host; h != nil {
		if n.kind != semconv.KindFallback {
			h.tries++
		}
		h.told = ""
		h.tryKind, h.tryName, h.trying = n.kind, n.name, s.StartTime()
		h.waitEnded(s.StartTime())
	}
	return nil
}

// hostOf is the shown span that s belongs to: its parent, or its parent's host when the parent is an attempt. A span
// of other instrumentation may stand between; then at least the phase is known.
func (st *liveState) hostOf(key session.Key, s sdktrace.ReadOnlySpan, frame scope.Frame) *liveSpan {
	if p := st.spans[session.Key{Trace: key.Trace, Span: s.Parent().SpanID()}]; p != nil {
		if isShown(p.kind) {
			return p
		}
		return p.host
	}
	if frame.Phase == "" {
		return nil
	}
	phase := text.Line(frame.Phase)
	for _, r := range st.roots {
		for _, c := range r.children {
			if c.kind == semconv.KindPhase && c.key.Trace == key.Trace && c.name == phase && c.ended == nil {
				return c
			}
		}
	}
	return nil
}

// end takes a span away; it returns nil when its start was not seen.
func (st *liveState) end(s sdktrace.ReadOnlySpan) *liveSpan {
	key := session.KeyOf(s.SpanContext())
	n := st.spans[key]
	if n == nil {
		return nil
	}
	delete(st.spans, key)
	n.waitEnded(s.EndTime())
	if !isShown(n.kind) {
		if n.host != nil {
			n.host.tried(s)
		}
		return n
	}
	span := session.FromSDK(s)
	if o := span.Outcome(); o.Saved() {
		n.save(o)
	}
	if n.kind == semconv.KindPhase && n.host != nil {
		n.ended, n.children = &span, nil
		n.host.forgetEnded()
		return n
	}
	st.remove(n)
	return n
}

// save notes in n and all around it that n ended as o, which is a good end after a failed try.
func (n *liveSpan) save(o session.Outcome) {
	for ; n != nil; n = n.host {
		if n.saved != session.FellBack {
			n.saved = o
		}
	}
}

func (st *liveState) remove(n *liveSpan) {
	list := &st.roots
	if n.host != nil {
		list = &n.host.children
	}
	*list = slices.DeleteFunc(*list, func(c *liveSpan) bool { return c == n })
}

// forgetEnded keeps only the newest of the phases that ended.
func (n *liveSpan) forgetEnded() {
	ended := 0
	for _, c := range n.children {
		if c.ended != nil {
			ended++
		}
	}
	n.children = slices.DeleteFunc(n.children, func(c *liveSpan) bool {
		if c.ended == nil || ended <= maxEndedShown {
			return false
		}
		ended--
		return true
	})
}

// tried notes how a try ended.
func (n *liveSpan) tried(s sdktrace.ReadOnlySpan) {
	span := session.FromSDK(s)
	if number, ok := span.Number(semconv.AttemptKey); ok && span.Kind == semconv.KindAttempt {
		n.tries = max(n.tries, number) // spans of tries may have been left out
	}
	if n.failure = text.Safe(span.Failure(), text.MaxText); text.Line(n.failure) == "" {
		n.failure = ""
	}
	if span.Outcome() != session.Retried {
		return
	}
	if delay, ok := span.Seconds(semconv.NextDelayKey); ok && delay > 0 {
		n.wait = wait{span.End, span.End.Add(delay)}
	}
}

// waitEnded ends the current wait, if there is one.
func (n *liveSpan) waitEnded(at time.Time) {
	if n.wait != (wait{}) {
		n.waited += at.Sub(n.wait.since)
		n.wait = wait{}
	}
}

// allowed is how many attempts an operation may make; ok is false when there is no limit or it is not known. The
// attribute is set after the start, so it is read when it is needed.
func (n *liveSpan) allowed() (attempts int, ok bool) {
	s := session.Span{Attributes: n.span.Attributes()}
	retries, ok := s.Number(semconv.MaxRetriesKey)
	return retries + 1, ok && retries >= 0
}
