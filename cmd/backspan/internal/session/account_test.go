package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

// of is a span of a kind.
func of(kind string, id, parent uint64, from, to int, attributes ...attribute.KeyValue) Span {
	return as(kind, span(id, parent, from, to, attributes...))
}

// The time of an attempt that calls operations is theirs.
func TestAccount(t *testing.T) {
	op, try := semconv.KindOperation, semconv.KindAttempt
	failed := func(s Span) Span {
		s.Status = codes.Error
		return s
	}
	for _, c := range []struct {
		name  string
		spans []Span
		want  Account
	}{
		{"one that succeeds", []Span{of(op, 1, 0, 0, 10), of(try, 2, 1, 0, 10)}, Account{Working: ms(10)}},
		{"one that fails and waits", []Span{
			of(op, 1, 0, 0, 30), failed(of(try, 2, 1, 0, 10, semconv.NextDelayKey.Float64(0.015))),
			of(try, 3, 1, 25, 30),
		}, Account{Working: ms(5), Lost: ms(10), Waiting: ms(15)}},
		{"a failed attempt whose operation succeeded: that work was no loss", []Span{
			of(op, 1, 0, 0, 10), failed(of(try, 2, 1, 0, 10)), of(op, 3, 2, 2, 8), of(try, 4, 3, 2, 8),
		}, Account{Working: ms(6), Lost: ms(4)}},
		{"the moment before a retry without a wait", []Span{
			of(op, 1, 0, 0, 21), failed(of(try, 2, 1, 0, 10, semconv.NextDelayKey.Float64(0))), of(try, 3, 1, 11, 21),
		}, Account{Working: ms(10), Lost: ms(10), Rest: ms(1)}},
		{"work beside a failure", []Span{
			of(op, 1, 0, 0, 10), failed(of(try, 2, 1, 0, 10)), of(op, 3, 0, 5, 20), of(try, 4, 3, 5, 20),
		}, Account{Working: ms(15), Lost: ms(5)}},
		{"an operation without spans of its attempts", []Span{of(op, 1, 0, 0, 10)}, Account{Working: ms(10)}},
		{"time between operations", []Span{
			of(semconv.KindRun, 1, 0, 0, 50), of(op, 2, 1, 10, 20), failed(of(op, 3, 1, 30, 40)),
		}, Account{Working: ms(10), Lost: ms(10), Rest: ms(30)}},
	} {
		if got := New(c.spans).Summary().Operations.Time; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Summaries take a third of the time of a page, which asks for two.
func TestASummaryIsMadeOnce(t *testing.T) {
	s := New([]Span{span(1, 0, 0, 20)})
	if first := s.Summary(); first != s.Summary() {
		t.Error("it was made again")
	}
}

// A policy may leave out the spans of attempts that succeed.
func TestSummaryWithoutAttemptSpans(t *testing.T) {
	s := span(1, 0, 0, 20, semconv.OutcomeKey.String(semconv.OutcomeSuccess), semconv.AttemptsKey.Int(1))
	got := New([]Span{s}).Summary().Operations
	if got.Runs != 1 || got.Attempts != 1 || got.Failures != 0 || got.Time != (Account{Working: ms(20)}) {
		t.Errorf("got %+v", got)
	}
}

// A phase that was cancelled did not fail, and an operation whose end was not recorded did not go well.
func TestSummaryOfWhatDidNotEnd(t *testing.T) {
	phase := of(semconv.KindPhase, 1, 0, 0, 9, semconv.PhaseStatusKey.String(semconv.StatusCancelled))
	phase.Status = codes.Error
	open := span(2, 1, 0, 0)
	open.End = time.Time{}
	try := of(semconv.KindAttempt, 3, 2, 0, 5)
	try.Status = codes.Error
	got := New([]Span{phase, open, try}).Summary()
	if got.Phases.Ended[Cancelled] != 1 || got.Phases.Ended[Failed] != 0 || got.Operations.Ended[Unended] != 1 ||
		got.Operations.GaveUp != 0 || got.Operations.Failures != 1 {
		t.Errorf("got %+v", got)
	}
}

// The time of a session is known when its beginning and its end are.
func TestSummaryKnowsWhatItDoesNotKnow(t *testing.T) {
	unbegun, late, open := span(1, 0, 5, 9), span(1, 0, 7, 9), span(1, 0, 0, 0)
	unbegun.Unbegun, late.Unbegun, open.End = true, true, time.Time{}
	for _, c := range []struct {
		name  string
		spans []Span
		want  bool
	}{
		{"whole", []Span{span(1, 0, 0, 9)}, true},
		{"the first beginning is missing", []Span{unbegun}, false},
		{"a later beginning is missing", []Span{late, span(2, 0, 0, 6)}, true},
		{"the end is missing", []Span{open, span(2, 1, 0, 6)}, false},
	} {
		if got := New(c.spans).Summary().Exact; got != c.want {
			t.Errorf("%s: exact is %v, want %v", c.name, got, c.want)
		}
	}
}

// Of a partial session the waits count whatever else ran: whether that was around the wait is not known. What is left
// over of a time that is not known is not known either.
func TestSharesOfWhatIsNotKnown(t *testing.T) {
	outer := of(semconv.KindAttempt, 2, 1, 0, 100)
	first := of(semconv.KindAttempt, 4, 3, 10, 20, semconv.ResultKey.String("retrying"),
		semconv.NextDelayKey.Float64(0.05))
	first.Status = codes.Error
	spans := []Span{span(1, 0, 0, 100), outer, span(3, 0, 10, 90), first, of(semconv.KindAttempt, 5, 3, 70, 90)}
	open := slices.Clone(spans)
	open[0].End = time.Time{}
	for _, c := range []struct {
		name    string
		spans   []Span
		partial bool
		want    string
	}{
		{"a trace", spans, false, "working 100ms"},
		{"events", spans, true, "waiting 50ms, not recorded 50ms"},
		{"events of what did not end", open, true, "waiting 50ms"},
		{"a trace of what did not end", open[2:], false, "working 20ms, lost 10ms, waiting 50ms"},
	} {
		s := New(c.spans)
		s.Partial = c.partial
		var shares []string
		for _, share := range s.Summary().Shares() {
			shares = append(shares, share.Name+" "+share.Took.String())
		}
		if got := strings.Join(shares, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Operations that overlap count each for itself, and each moment once in all together.
func TestSummaryByName(t *testing.T) {
	a, b := span(1, 0, 0, 60), span(2, 0, 40, 100)
	a.Name, b.Name = "a", "b"
	s := New([]Span{a, b}).Summary()
	if s.ByName[0].Time.Working != ms(60) || s.ByName[1].Time.Working != ms(60) ||
		s.Operations.Time.Working != ms(100) {
		t.Errorf("working %v and %v, together %v; want 60ms, 60ms and 100ms",
			s.ByName[0].Time.Working, s.ByName[1].Time.Working, s.Operations.Time.Working)
	}
}
