package report

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/internal/semconv"
)

var begin = time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC)

func at(n int) time.Time { return begin.Add(time.Duration(n) * ms) }

func id(n int) (s trace.SpanID) {
	binary.BigEndian.PutUint64(s[:], uint64(n))
	return s
}

// span is a span of one trace; parent 0 is none.
func span(number, parent int, kind, name string, from, to int, attributes ...attribute.KeyValue) waterfall.Span {
	return waterfall.Span{
		Kind: kind, Name: name, TraceID: trace.TraceID{15: 1}, SpanID: id(number), ParentID: id(parent),
		Start: at(from), End: at(to), Attributes: append(attributes, semconv.KindKey.String(kind)),
	}
}

// shape is the tree of names: root(child child(grandchild)).
func shape(nodes []*node) string {
	var names []string
	for _, n := range nodes {
		name := n.Name
		if len(n.children) > 0 {
			name += "(" + shape(n.children) + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func TestTrees(t *testing.T) {
	op, try := semconv.KindOperation, semconv.KindAttempt
	in := func(phase string) attribute.KeyValue { return semconv.PhaseNameKey.String(phase) }
	other := span(2, 1, op, "elsewhere", 0, 9)
	other.TraceID = trace.TraceID{15: 2}
	open := span(2, 1, try, "open", 2, 0)
	open.End = time.Time{}
	for _, c := range []struct {
		name  string
		spans []waterfall.Span
		want  string
	}{
		{"children before their parents", []waterfall.Span{span(3, 2, try, "c", 1, 2), span(2, 1, op, "b", 1, 3), span(1, 0, "", "a", 0, 9)}, "a(b(c))"},
		{"siblings in the order of their begins", []waterfall.Span{span(1, 0, "", "a", 0, 9), span(2, 1, "", "c", 5, 6), span(3, 1, "", "b", 4, 8)}, "a(b c)"},
		{"a parent that is missing", []waterfall.Span{span(2, 1, op, "b", 1, 3)}, "b"},
		{"its own parent", []waterfall.Span{span(1, 1, op, "a", 0, 1)}, "a"},
		{"parents in a circle", []waterfall.Span{span(1, 3, op, "a", 0, 1), span(2, 1, op, "b", 0, 1), span(3, 2, op, "c", 0, 1), span(4, 3, op, "d", 0, 1)}, "a(b(c(d)))"},
		{"a span that comes twice", []waterfall.Span{open, span(2, 1, try, "b", 2, 3), span(1, 0, op, "a", 0, 9)}, "a(b)"},
		{"ids of another trace", []waterfall.Span{span(1, 0, "", "a", 0, 9), other}, "a elsewhere"},
		{"no ids at all", []waterfall.Span{{Name: "a"}, {Name: "b"}}, "a b"},
		{"an operation below a span that is not there goes to the attempt around it", []waterfall.Span{
			span(1, 0, op, "a", 0, 9), span(2, 1, try, "t1", 0, 3), span(3, 1, try, "t2", 4, 9), span(4, 99, op, "b", 5, 8),
		}, "a(t1 t2(b))"},
		{"to the innermost one", []waterfall.Span{
			span(1, 0, op, "a", 0, 9), span(2, 1, try, "t", 0, 9), span(3, 2, op, "b", 1, 8), span(4, 3, try, "u", 1, 8), span(5, 99, op, "c", 2, 3),
		}, "a(t(b(u(c))))"},
		{"not when two may have called it", []waterfall.Span{
			span(1, 0, op, "a", 0, 9), span(2, 1, try, "t", 0, 9), span(3, 0, op, "b", 0, 9), span(4, 3, try, "u", 0, 9), span(5, 99, op, "c", 2, 3),
		}, "a(t) b(u) c"},
		{"not into another phase", []waterfall.Span{
			span(1, 0, semconv.KindPhase, "p", 0, 9, in("p")), span(2, 1, try, "t", 0, 9, in("p")), span(3, 99, op, "c", 2, 3, in("q")),
		}, "p(t) c"},
		{"not below itself", []waterfall.Span{span(1, 99, op, "a", 2, 3), span(2, 1, try, "t", 0, 9)}, "a(t)"},
	} {
		if got := shape(treesOf(&Session{Spans: c.spans})); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestTimesMakeSense(t *testing.T) {
	backwards, unended, unbegun := span(2, 1, "", "backwards", 8, 3), span(3, 1, "", "unended", 2, 0), span(4, 1, "", "unbegun", 0, 5)
	unended.End, unbegun.Start = time.Time{}, time.Time{}
	root := treesOf(&Session{Spans: []waterfall.Span{span(1, 0, "", "root", 1, 9), backwards, unended, unbegun}})[0]
	for _, n := range root.children {
		want := map[string][2]time.Time{"backwards": {at(8), at(8)}, "unended": {at(2), at(9)}, "unbegun": {at(1), at(5)}}[n.Name]
		if !n.from.Equal(want[0]) || !n.to.Equal(want[1]) {
			t.Errorf("%s: from %v to %v, want %v", n.Name, n.from, n.to, want)
		}
		if n.open != (n.Name == "unended") || n.unbegun != (n.Name == "unbegun") {
			t.Errorf("%s: open %v, unbegun %v", n.Name, n.open, n.unbegun)
		}
	}
}

// A file may nest spans as deep as it is long, and have thousands of orphans: neither may cost more than a moment.
func TestDeepAndScatteredTrees(t *testing.T) {
	const n = 50_000
	deep := make([]waterfall.Span, n)
	orphans := make([]waterfall.Span, n)
	for i := range n {
		deep[i] = span(i+1, i, semconv.KindOperation, "x", i, 2*n-i)
		orphans[i] = span(i+1, n+9, semconv.KindOperation, "x", i, i+1)
	}
	for i := range n / 10 {
		orphans[i].Kind = semconv.KindAttempt
	}
	for name, spans := range map[string][]waterfall.Span{"deep": deep, "scattered": orphans} {
		start := time.Now()
		page, err := pageOf(&Session{Spans: spans})
		if took := time.Since(start); err != nil || took > 20*time.Second {
			t.Errorf("%s: %d bytes in %v, error %v", name, len(page), took, err)
		}
	}
}

// random makes the spans of a session as they may come: nested operations, phases, waits, failures, lost spans.
func random(r *rand.Rand) []waterfall.Span {
	var spans []waterfall.Span
	var operation func(parent, from, depth int) int
	operation = func(parent, from, depth int) int {
		me := len(spans) + 1
		spans = append(spans, span(me, parent, semconv.KindOperation, []string{"a", "b", "c"}[r.IntN(3)], from, from))
		now := from
		made := 1 + r.IntN(3)
		failed := r.IntN(3) == 0
		for i := range made {
			number := len(spans) + 1
			s := span(number, me, semconv.KindAttempt, semconv.AttemptName(i+1), now, now, semconv.AttemptKey.Int(i+1))
			spans = append(spans, s)
			now += r.IntN(20)
			for range r.IntN(3) {
				if depth < 3 {
					begun := now - r.IntN(1+now-from)
					begun = max(begun, int(s.Start.Sub(begin)/ms))
					now = max(now, operation(number, begun, depth+1))
				}
			}
			now += r.IntN(5)
			attempt := &spans[number-1]
			attempt.End = at(now)
			result := semconv.ResultSuccess
			wait := r.IntN(30)
			switch {
			case i < made-1:
				attempt.Status, result = codes.Error, semconv.ResultRetrying
				attempt.Attributes = append(attempt.Attributes, semconv.NextDelayKey.Float64(float64(wait)/1000))
				now += wait + r.IntN(3) // a moment passes between a try and the next
			case failed:
				attempt.Status, result = codes.Error, semconv.ResultFailed
			}
			attempt.Attributes = append(attempt.Attributes, semconv.ResultKey.String(result))
		}
		outcome := semconv.OutcomeSuccess
		switch {
		case failed:
			spans[me-1].Status, outcome = codes.Error, semconv.OutcomeExhausted
		case made > 1:
			outcome = semconv.OutcomeRecovered
		}
		spans[me-1].End = at(now)
		spans[me-1].Attributes = append(spans[me-1].Attributes, semconv.AttemptsKey.Int(made), semconv.OutcomeKey.String(outcome))
		return now
	}
	for range 1 + r.IntN(4) {
		operation(0, r.IntN(50), 0)
	}
	return spans
}

// The page and the terminal read the same spans, each with its own eyes: they must see the same.
func TestPageAndTerminalAgree(t *testing.T) {
	for seed := range uint64(500) {
		spans := random(rand.New(rand.NewPCG(seed, 0)))
		want := waterfall.Summarize(spans)
		roots := treesOf(&Session{Spans: spans})
		first, last := extent(spans)
		spent := spendingOf(roots, last.Sub(first))
		got := sum(byName(flat(roots)))
		if spent.Working+spent.Lost != want.Working || spent.Waiting != want.Waiting || spent.elapsed() != want.Elapsed {
			t.Errorf("seed %d: %+v, the terminal says working %v, waiting %v of %v", seed, spent, want.Working, want.Waiting, want.Elapsed)
		}
		if got.Runs != want.Operations || got.Attempts != want.Attempts || got.Failed != want.AttemptsFailed ||
			got.Retried != want.Retried || got.Recovered != want.Recovered || got.GivenUp != want.Failed {
			t.Errorf("seed %d: %+v, the terminal says %+v", seed, got, want)
		}
	}
}

// The time of an attempt that calls operations is theirs.
func TestSpending(t *testing.T) {
	op, try := semconv.KindOperation, semconv.KindAttempt
	failed := func(s waterfall.Span) waterfall.Span {
		s.Status = codes.Error
		return s
	}
	for _, c := range []struct {
		name  string
		spans []waterfall.Span
		want  spending
	}{
		{"one that succeeds", []waterfall.Span{span(1, 0, op, "a", 0, 10), span(2, 1, try, "t", 0, 10)}, spending{Working: 10 * ms}},
		{"one that fails and waits", []waterfall.Span{
			span(1, 0, op, "a", 0, 30), failed(span(2, 1, try, "t", 0, 10, semconv.NextDelayKey.Float64(0.015))), span(3, 1, try, "u", 25, 30),
		}, spending{Working: 5 * ms, Lost: 10 * ms, Waiting: 15 * ms}},
		{"a failed attempt whose operation succeeded: that work was no loss", []waterfall.Span{
			span(1, 0, op, "a", 0, 10), failed(span(2, 1, try, "t", 0, 10)), span(3, 2, op, "b", 2, 8), span(4, 3, try, "u", 2, 8),
		}, spending{Working: 6 * ms, Lost: 4 * ms}},
		{"the moment before a retry without a wait", []waterfall.Span{
			span(1, 0, op, "a", 0, 21), failed(span(2, 1, try, "t", 0, 10, semconv.NextDelayKey.Float64(0))), span(3, 1, try, "u", 11, 21),
		}, spending{Working: 10 * ms, Lost: 10 * ms, Other: 1 * ms}},
		{"work beside a failure", []waterfall.Span{
			span(1, 0, op, "a", 0, 10), failed(span(2, 1, try, "t", 0, 10)), span(3, 0, op, "b", 5, 20), span(4, 3, try, "u", 5, 20),
		}, spending{Working: 15 * ms, Lost: 5 * ms}},
		{"an operation without spans of its attempts", []waterfall.Span{span(1, 0, op, "a", 0, 10)}, spending{Working: 10 * ms}},
		{"time between operations", []waterfall.Span{
			span(1, 0, semconv.KindRun, "r", 0, 50), span(2, 1, op, "a", 10, 20), failed(span(3, 1, op, "b", 30, 40)),
		}, spending{Working: 10 * ms, Lost: 10 * ms, Other: 30 * ms}},
	} {
		first, last := extent(c.spans)
		if got := spendingOf(treesOf(&Session{Spans: c.spans}), last.Sub(first)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A wait is told as it was planned, here as in the terminal, and drawn as it was.
func TestWaitsAreTold(t *testing.T) {
	first := span(2, 1, semconv.KindAttempt, "attempt 1", 0, 10, semconv.ResultKey.String(semconv.ResultRetrying), semconv.NextDelayKey.Float64(0.25))
	rows, _ := rowsOf(treesOf(&Session{Spans: []waterfall.Span{
		span(1, 0, semconv.KindOperation, "get", 0, 272, semconv.AttemptsKey.Int(2)), first, span(3, 1, semconv.KindAttempt, "attempt 2", 262, 272),
	}}), first.Start)
	if rows[0].Waited != 250_000 || rows[1].Waited != 250_000 || rows[1].Wait == nil || rows[1].Wait.Took != 252_000 {
		t.Errorf("waited %d and %d, drawn as %+v; want 250ms, 250ms and 252ms", rows[0].Waited, rows[1].Waited, rows[1].Wait)
	}
}
