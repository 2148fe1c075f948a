package waterfall

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		scenario string
		want     Summary
	}{
		{"healthy", Summary{
			Operations: 4, Attempts: 4, Phases: 3, Elapsed: ms(172), Working: ms(172),
		}},
		{"flaky", Summary{
			Operations: 5, Attempts: 13, AttemptsFailed: 9, Retried: 5, Recovered: 4, Failed: 1, Exhausted: 1,
			Phases: 3, PhasesRecovered: 1, Recoveries: 1,
			Elapsed: ms(5508), Working: ms(1258), Waiting: ms(4250),
		}},
		{"outage", Summary{
			Operations: 4, Attempts: 16, AttemptsFailed: 16, Retried: 4, Failed: 4, Exhausted: 4,
			Phases: 3, PhasesFailed: 1, Recoveries: 3,
			Elapsed: ms(21036), Working: ms(36), Waiting: ms(21000),
		}},
		{"permanent", Summary{
			Operations: 1, Attempts: 1, AttemptsFailed: 1, Failed: 1, Permanent: 1,
			Phases: 2, PhasesFailed: 1, Elapsed: ms(25), Working: ms(25),
		}},
		{"cancelled", Summary{
			Operations: 1, Attempts: 1, AttemptsFailed: 1, Failed: 1, Cancelled: 1,
			Phases: 1, PhasesFailed: 1, Elapsed: ms(824), Working: ms(124), Waiting: ms(700),
		}},
		{"nested", Summary{
			Operations: 3, Attempts: 6, AttemptsFailed: 4, Retried: 3, Recovered: 2, Failed: 1, Exhausted: 1,
			Elapsed: ms(3006), Working: ms(406), Waiting: ms(2600),
		}},
	} {
		if got := Summarize(record(t, c.scenario)); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.scenario, got, c.want)
		}
	}
	if got := Summarize(nil); got != (Summary{}) {
		t.Errorf("of nothing: got %+v", got)
	}
}

// When two operations run side by side, only the time in which both wait is waiting, and the time in which both work
// counts once.
func TestSummarizeParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := NewRecorder(0)
		e := newEngine(t, rec)
		done := make(chan struct{})
		// waits from 100 to 400
		go func() {
			defer close(done)
			if err := e.operation(t.Context(), "a", "", call{lasts: ms(100), fails: "no", wait: ms(300)}, call{lasts: ms(100)}); err != nil {
				t.Errorf("a: %v", err)
			}
		}()
		// works until 250, waits until 350
		if err := e.operation(t.Context(), "b", "", call{lasts: ms(250), fails: "no", wait: ms(100)}, call{lasts: ms(10)}); err != nil {
			t.Errorf("b: %v", err)
		}
		<-done
		got := Summarize(rec.Spans())
		// works: 0-250, 350-360, 400-500
		if got.Working != ms(360) || got.Waiting != ms(140) || got.Elapsed != ms(500) {
			t.Errorf("working %v, waiting %v, elapsed %v; want 360ms, 140ms, 500ms", got.Working, got.Waiting, got.Elapsed)
		}
	})
}

// A policy may leave out the spans of attempts that succeed.
func TestSummarizeWithoutAttemptSpans(t *testing.T) {
	s := span(1, 0, 0, 20, semconv.OutcomeKey.String(semconv.OutcomeSuccess), semconv.AttemptsKey.Int(1))
	got := Summarize([]Span{s})
	want := Summary{Operations: 1, Attempts: 1, Elapsed: ms(20), Working: ms(20)}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSummarizeOutcomes(t *testing.T) {
	var spans []Span
	for i, outcome := range []string{
		semconv.OutcomeSuccess, semconv.OutcomeRecovered, semconv.OutcomeExhausted, semconv.OutcomePermanent,
		semconv.OutcomeCancelled, semconv.OutcomeDeadline, semconv.OutcomeBudget, semconv.OutcomePanic,
	} {
		s := span(uint64(i+1), 0, i, i+1, semconv.OutcomeKey.String(outcome), semconv.AttemptsKey.Int(2))
		if i > 1 {
			s.Status = codes.Error
		}
		spans = append(spans, s)
	}
	got := Summarize(spans)
	got.Elapsed, got.Working = 0, 0
	want := Summary{
		Operations: 8, Attempts: 16, Retried: 8, Recovered: 1,
		Failed: 6, Exhausted: 1, Permanent: 1, Cancelled: 1, OutOfTime: 1,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A phase that was cancelled did not fail, and an operation whose end nobody saw did not go well.
func TestSummarizeWhatDidNotEnd(t *testing.T) {
	phase := as(semconv.KindPhase, span(1, 0, 0, 9, semconv.PhaseStatusKey.String(semconv.StatusCancelled)))
	phase.Status = codes.Error
	open := span(2, 1, 0, 0)
	open.End = time.Time{}
	try := as(semconv.KindAttempt, span(3, 2, 0, 5))
	try.Status = codes.Error
	got := Summarize([]Span{phase, open, try})
	got.Elapsed, got.Working = 0, 0
	want := Summary{Phases: 1, PhasesCancelled: 1, Operations: 1, Open: 1, Attempts: 1, AttemptsFailed: 1}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	text := render(t, []Span{phase, open, try}, Options{})
	for want, there := range map[string]bool{"1 cancelled": true, "1 not ended": true, "all well": false} {
		if strings.Contains(text, want) != there {
			t.Errorf("%q: want %v, in\n%s", want, there, text)
		}
	}
}

// Between a failed attempt and the next there is a moment, also when the policy asked for no wait.
func TestNoDelayIsNoWait(t *testing.T) {
	first := as(semconv.KindAttempt, span(2, 1, 0, 10, semconv.AttemptKey.Int(1),
		semconv.ResultKey.String(semconv.ResultRetrying), semconv.NextDelayKey.Float64(0)))
	second := as(semconv.KindAttempt, span(3, 1, 12, 20, semconv.AttemptKey.Int(2), semconv.DelayKey.Float64(0),
		semconv.ResultKey.String(semconv.ResultSuccess)))
	got := Summarize([]Span{span(1, 0, 0, 20), first, second})
	if got.Waiting != 0 || got.Working != ms(18) {
		t.Errorf("waiting %v and working %v, want 0s and 18ms", got.Waiting, got.Working)
	}
}

// What was planned is told, unless something else happened.
func TestWaitTold(t *testing.T) {
	for _, c := range []struct{ planned, took, want time.Duration }{
		{ms(250), ms(250), ms(250)},
		{ms(250), ms(252), ms(250)},
		{ms(250), ms(400), ms(400)},
		{ms(250), ms(100), ms(100)},
		{0, ms(100), ms(100)},
	} {
		w := wait{from: epoch, to: epoch.Add(c.took), planned: c.planned}
		if got := w.told(); got != c.want {
			t.Errorf("%v planned and %v taken is told as %v, want %v", c.planned, c.took, got, c.want)
		}
	}
}
