package session

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

func TestSaid(t *testing.T) {
	outcome, status := semconv.OutcomeKey.String, semconv.PhaseStatusKey.String
	recoveries, reason := semconv.RecoveryAttemptsKey.Int, semconv.PhaseReasonKey.String
	dry := semconv.RunDryRunKey.Bool(true)
	fell, saved := semconv.PhaseFallbackKey.Bool(true), semconv.RecoverySuccessKey.Bool(true)
	for _, c := range []struct {
		kind   string
		failed bool
		set    []attribute.KeyValue
		tries  int
		want   string
	}{
		{semconv.KindOperation, false, []attribute.KeyValue{outcome("success")}, 1, ""},
		{semconv.KindOperation, false, []attribute.KeyValue{outcome("recovered")}, 2, "recovered, 2 attempts"},
		{semconv.KindOperation, true, []attribute.KeyValue{outcome("exhausted")}, 4, "exhausted, 4 attempts"},
		{semconv.KindOperation, true, []attribute.KeyValue{outcome("permanent")}, 1, "permanent"},
		{semconv.KindOperation, true, []attribute.KeyValue{outcome("deadline")}, 1, "out of time"},
		{semconv.KindOperation, true, []attribute.KeyValue{outcome("something new")}, 1, "failed"},
		{semconv.KindOperation, true, nil, 3, "failed, 3 attempts"},
		{semconv.KindPhase, false, []attribute.KeyValue{status("success")}, 1, ""},
		{semconv.KindPhase, false, []attribute.KeyValue{status("skipped")}, 0, "skipped"},
		{
			semconv.KindPhase, false,
			[]attribute.KeyValue{status("skipped"), reason("it needs\n\x1b[2Ja")},
			0,
			"skipped: it needs a",
		},
		{
			semconv.KindPhase, false,
			[]attribute.KeyValue{status("success"), saved, recoveries(2)},
			3,
			"recovered, 3 attempts",
		},
		{
			semconv.KindPhase, false,
			[]attribute.KeyValue{status("success"), fell, recoveries(1)},
			2,
			"fell back after 2 attempts",
		},
		{semconv.KindPhase, false, []attribute.KeyValue{status("success"), fell}, 1, "fell back"},
		{semconv.KindPhase, true, []attribute.KeyValue{status("failed"), recoveries(3)}, 4, "failed, 4 attempts"},
		{semconv.KindRun, false, []attribute.KeyValue{semconv.RunStatusKey.String("success")}, 0, ""},
		{semconv.KindRun, false, []attribute.KeyValue{semconv.RunStatusKey.String("success"), dry}, 0, "dry run"},
		{semconv.KindRun, true, []attribute.KeyValue{semconv.RunStatusKey.String("failed"), dry}, 0, "failed"},
		{semconv.KindRun, true, []attribute.KeyValue{semconv.RunStatusKey.String("cancelled")}, 0, "cancelled"},
		{semconv.KindOperation, true, []attribute.KeyValue{outcome("not_retryable")}, 2, "not retryable, 2 attempts"},
		{semconv.KindOperation, true, []attribute.KeyValue{outcome("retry_later")}, 1, "told to retry later"},
		{semconv.KindAttempt, true, []attribute.KeyValue{semconv.ResultKey.String("failed")}, 0, ""},
		{"", true, nil, 0, ""},
	} {
		s := of(c.kind, 1, 0, 0, 9, c.set...)
		if c.failed {
			s.Status = codes.Error
		}
		if got := s.Said(c.tries); got != c.want {
			t.Errorf("%s with %v: %q, want %q", c.kind, c.set, got, c.want)
		}
	}
	open := span(1, 0, 0, 0)
	open.End = time.Time{}
	if got := open.Said(1); got != "not ended" {
		t.Errorf("without an end: %q", got)
	}
}

func TestEveryOutcomeHasAWord(t *testing.T) {
	for _, o := range Outcomes {
		if o.Word() == "" {
			t.Errorf("%q has no word", o)
		}
	}
	if len(words) != len(Outcomes) {
		t.Errorf("%d words for %d outcomes", len(words), len(Outcomes))
	}
}

// A run that was stopped, and gone on with, ends as its last part does; one within a phase does not count.
func TestARunEndsAsItsLastPart(t *testing.T) {
	run := func(status string, failed bool, s Span) Span {
		s.Attributes = append(s.Attributes, semconv.RunStatusKey.String(status))
		if s.Kind = semconv.KindRun; failed {
			s.Status = codes.Error
		}
		return s
	}
	parts := []Span{
		run("cancelled", true, span(1, 0, 0, 2)), run("cancelled", true, span(2, 1, 4, 6)),
		run("success", false, span(3, 2, 7, 9)),
	}
	if got := New(parts).Outcome(); got != Succeeded {
		t.Errorf("three parts: %q, want %q", got, Succeeded)
	}
	if got := New(parts[:2]).Outcome(); got != Cancelled {
		t.Errorf("two parts: %q, want %q", got, Cancelled)
	}
	within := []Span{
		run("success", false, span(1, 0, 0, 9)), as(semconv.KindPhase, span(2, 1, 0, 9)),
		as(semconv.KindAttempt, span(3, 2, 0, 9)), run("failed", true, span(4, 3, 0, 9)),
	}
	if got := New(within).Outcome(); got != Succeeded {
		t.Errorf("a run within a phase: %q, want %q", got, Succeeded)
	}
}

// The fallback is no recovery, whether the phase says how many there were or not.
func TestFallbackIsNoRecovery(t *testing.T) {
	fell := semconv.PhaseFallbackKey.Bool(true)
	for _, phase := range []Span{
		of(semconv.KindPhase, 1, 0, 0, 9, fell),
		of(semconv.KindPhase, 1, 0, 0, 9, fell, semconv.RecoveryAttemptsKey.Int(1)),
	} {
		s := New([]Span{
			phase, of(semconv.KindAttempt, 2, 1, 0, 2), of(semconv.KindRecovery, 3, 1, 3, 4),
			of(semconv.KindFallback, 4, 1, 5, 6),
		})
		if got, want := s.Roots[0].Said(), "fell back after 2 attempts"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := s.Outcome(); got != FellBack {
			t.Errorf("the session is %q, want %q", got, FellBack)
		}
	}
}
