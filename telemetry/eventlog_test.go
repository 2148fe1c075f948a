package telemetry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
)

const testSession = "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"

// sequence numbers ids, so that two runs have the same.
type sequence struct{ last atomic.Uint64 }

func (s *sequence) NewIDs(ctx context.Context) (id trace.TraceID, _ trace.SpanID) {
	binary.BigEndian.PutUint64(id[8:], s.last.Add(1))
	return id, s.NewSpanID(ctx, id)
}

func (s *sequence) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], s.last.Add(1))
	return id
}

// eventsOf runs story in a bubble, whose clock begins at 2000-01-01, and returns the lines it left.
func eventsOf(t *testing.T, story func(ctx context.Context, tp trace.TracerProvider)) (list []string) {
	t.Helper()
	cfg := quiet(t)
	cfg.Session, cfg.IDGenerator, cfg.NoTally = testSession, new(sequence), true
	synctest.Test(t, func(t *testing.T) {
		tel := run(t, cfg)
		story(t.Context(), tel.TracerProvider())
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return lines(t, cfg.Events)
}

// pass lets time go by; in a bubble that costs none.
func pass(d time.Duration) { <-time.After(d) }

// checkLines compares lines without their timestamp, session and ids.
func checkLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "(none)", "(none)"
		if i < len(got) {
			g = got[i]
			if _, rest, ok := strings.Cut(g, `"type": `); ok {
				g = `{"type": ` + rest
			}
			if before, _, ok := strings.Cut(g, `, "trace_id": `); ok {
				g = before + "}"
			}
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d\ngot  %s\nwant %s", i, g, w)
		}
	}
}

// The line of the design, byte for byte.
func TestALineIsTheSchemas(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "billing")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	got := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		ctx = scope.With(ctx, scope.Frame{Phase: "data_phase"})
		ctx, op := begin(ctx, tp, semconv.KindOperation, "data_load")
		pass(time.Millisecond)
		attempt(ctx, tp, "data_load", 1, semconv.ResultRetrying, "Connection timeout")
		end(op, semconv.KindOperation, "")
	})
	want := `{"timestamp": "2000-01-01T00:00:00.001000Z", "session_id": "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c", ` +
		`"type": "autocorrect_attempt", "phase": "data_phase", "level": "warning", ` +
		`"message": "Autocorrect attempt 1: Error in data_load: Connection timeout", "details": {"attempt_number": 1, ` +
		`"reason": "Error in data_load: Connection timeout", "result": "retrying", "operation": "data_load", ` +
		`"error": "Connection timeout", "error_type": "timeout", "delay": 0, "next_delay": 1, "duration": 0}, "trace_id": "00000000000000000000000000000001", "span_id": "0000000000000003", ` +
		`"service": "billing", "host": "` + host + `", "pid": ` + strconv.Itoa(os.Getpid()) + `}`
	if len(got) != 1 || got[0] != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestAnOperationThatSucceedsAtOnceWritesNothing(t *testing.T) {
	checkLines(t, eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		ctx, op := begin(ctx, tp, semconv.KindOperation, "data_load")
		attempt(ctx, tp, "data_load", 1, semconv.ResultSuccess, "")
		end(op, semconv.KindOperation, "", semconv.OutcomeKey.String(semconv.OutcomeSuccess),
			semconv.AttemptsKey.Int(1))
	}))
}

func TestARecoveredOperationSaysSo(t *testing.T) {
	checkLines(t, eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) { operation(ctx, tp, "data_load") }),
		`{"type": "autocorrect_attempt", "phase": "", "level": "warning", "message": "Autocorrect attempt 1: Error in data_load: Connection timeout", "details": {"attempt_number": 1, "reason": "Error in data_load: Connection timeout", "result": "retrying", "operation": "data_load", "error": "Connection timeout", "error_type": "timeout", "delay": 0, "next_delay": 1, "duration": 0}}`,
		`{"type": "autocorrect_recovered", "phase": "", "level": "info", "message": "Autocorrect successful on attempt 2: data_load", "details": {"attempt_number": 2, "result": "success", "operation": "data_load", "delay": 1, "duration": 0}}`,
	)
}

// A retry that the budget refused: the line of the last attempt tells the outcome, and whose budget it was.
func TestAnOperationOutOfBudgetSaysSo(t *testing.T) {
	budget, err := retry.NewBudget(retry.BudgetOptions{Name: "billing", Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	checkLines(t, eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		ctx, span := tp.Tracer("test").Start(ctx, "test") // the provider that retry finds
		defer span.End()
		err := retry.Do(ctx, "data_load", retry.Policy{Budget: budget}, func(context.Context) error {
			return errors.New("busy")
		})
		if !errors.Is(err, retry.ErrBudget) {
			t.Error(err)
		}
	}),
		`{"type": "autocorrect_attempt", "phase": "", "level": "warning", "message": "Autocorrect attempt 1: Error in data_load: busy", "details": {"attempt_number": 1, "reason": "Error in data_load: busy", "result": "retrying", "operation": "data_load", "error": "busy", "error_type": "*errors.errorString", "delay": 0, "next_delay": 1, "duration": 0, "max_retries": 3}}`,
		`{"type": "autocorrect_attempt", "phase": "", "level": "error", "message": "Autocorrect attempt 2: Error in data_load: busy", "details": {"attempt_number": 2, "reason": "Error in data_load: busy", "result": "failed", "outcome": "budget", "operation": "data_load", "error": "busy", "error_type": "*errors.errorString", "delay": 1, "duration": 0, "max_retries": 3, "budget": "billing"}}`,
	)
}

// The seed's two commands: failed attempts, and operations given up.
func TestTheSeedsGrepsCountRight(t *testing.T) {
	got := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		ctx, op := begin(ctx, tp, semconv.KindOperation, "data_load")
		for n := 1; n <= 3; n++ {
			attempt(ctx, tp, "data_load", n, semconv.ResultRetrying, "Connection timeout")
		}
		attempt(ctx, tp, "data_load", 4, semconv.ResultFailed, `"result": "failed", says nobody`)
		end(op, semconv.KindOperation, "gave up", semconv.OutcomeKey.String(semconv.OutcomeExhausted),
			semconv.AttemptsKey.Int(4))
		operation(ctx, tp, "other")
	})
	grep := func(list []string, text string) (found []string) {
		for _, line := range list {
			if strings.Contains(line, text) {
				found = append(found, line)
			}
		}
		return found
	}
	failed := grep(got, `"type": "autocorrect_attempt"`)
	givenUp := grep(failed, `"result": "failed"`)
	if len(failed) != 5 || len(givenUp) != 1 {
		t.Errorf("%d failed attempts and %d operations given up, want 5 and 1:\n%s",
			len(failed), len(givenUp), strings.Join(got, "\n"))
	}
	checkLines(t, givenUp,
		`{"type": "autocorrect_attempt", "phase": "", "level": "error", "message": "Autocorrect attempt 4: Error in data_load: \"result\": \"failed\", says nobody", "details": {"attempt_number": 4, "reason": "Error in data_load: \"result\": \"failed\", says nobody", "result": "failed", "operation": "data_load", "error": "\"result\": \"failed\", says nobody", "error_type": "timeout", "delay": 3, "duration": 0}}`)
}

// stopped ends an operation after attempts of which each began a wait, except that the last began one only if waiting.
func stopped(ctx context.Context, tp trace.TracerProvider, outcome string, attempts int, waiting bool) {
	ctx, op := begin(ctx, tp, semconv.KindOperation, "data_load")
	for n := 1; n <= attempts; n++ {
		result := semconv.ResultRetrying
		if n == attempts && !waiting {
			result = semconv.ResultFailed
		}
		attempt(ctx, tp, "data_load", n, result, "Connection timeout")
	}
	if waiting {
		op.SetAttributes(semconv.NextDelayKey.Float64(0))
	}
	end(op, semconv.KindOperation, "cancelled after 2 attempts (context canceled): Connection timeout",
		semconv.OperationKey.String("data_load"), semconv.OutcomeKey.String(outcome), semconv.AttemptsKey.Int(attempts),
		semconv.ErrorTypeKey.String("timeout"))
}

func TestAnOperationThatStopsInAWaitSaysSo(t *testing.T) {
	of := func(outcome string, attempts int, waiting bool) (list []string) {
		all := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
			stopped(ctx, tp, outcome, attempts, waiting)
		})
		return all[min(attempts, len(all)):]
	}
	want := `{"type": "autocorrect_stopped", "phase": "", "level": "error", "message": "Autocorrect stopped: Error in data_load: cancelled after 2 attempts (context canceled): Connection timeout", "details": {"attempt_number": %d, "reason": "Error in data_load: cancelled after 2 attempts (context canceled): Connection timeout", "result": "%s", "outcome": "%[2]s", "operation": "data_load", "error": "cancelled after 2 attempts (context canceled): Connection timeout", "error_type": "timeout"}}`
	checkLines(t, of(semconv.OutcomeCancelled, 2, true), fmt.Sprintf(want, 2, "cancelled"))
	checkLines(t, of(semconv.OutcomeDeadline, 1, true), fmt.Sprintf(want, 1, "deadline"))
	// Its last attempt said that it failed; nothing was left open.
	checkLines(t, of(semconv.OutcomeCancelled, 2, false))
	checkLines(t, of(semconv.OutcomeExhausted, 2, true))
	// It never began.
	checkLines(t, of(semconv.OutcomeCancelled, 0, false))
}

// Whatever the attempt said that ended before, the log says how the operation ended.
func TestAnOperationThatEndsByAPanicAfterAnAttemptSaysSo(t *testing.T) {
	const want = `{"type": "autocorrect_stopped", "phase": "", "level": "error", ` +
		`"message": "Autocorrect stopped: Error in data_load: panic after attempt %d had ended: hook", ` +
		`"details": {"attempt_number": %[1]d, "reason": "Error in data_load: panic after attempt %[1]d had ended: hook", ` +
		`"result": "%[2]s", "outcome": "panic", "operation": "data_load", ` +
		`"error": "panic after attempt %[1]d had ended: hook", "error_type": "panic"}}`
	for name, c := range map[string]struct {
		retries, failures, panicIn, before int
		result                             string
	}{
		"a retry was to follow":   {3, 9, 1, 1, semconv.ResultRetrying},
		"the last one had failed": {1, 9, 2, 2, semconv.ResultFailed},
		"it had succeeded":        {3, 0, 1, 0, semconv.ResultSuccess},
		"it had recovered":        {3, 1, 2, 2, semconv.ResultSuccess},
	} {
		t.Run(name, func(t *testing.T) {
			all := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
				defer func() { _ = recover() }()
				ctx, span := tp.Tracer("test").Start(ctx, "test")
				defer span.End()
				p := retry.Policy{MaxRetries: c.retries, AfterAttempt: func(_ context.Context, a retry.Attempt) {
					if a.Number == c.panicIn {
						panic("hook")
					}
				}}
				calls := 0
				_ = retry.Do(ctx, "data_load", p, func(context.Context) error {
					if calls++; calls > c.failures {
						return nil
					}
					return errors.New("Connection timeout")
				})
			})
			checkLines(t, all[min(c.before, len(all)):], fmt.Sprintf(want, c.panicIn, c.result))
		})
	}
}

// phaseAttempt is a phase's first try, or a recovery.
func phaseAttempt(ctx context.Context, tp trace.TracerProvider, kind string, number int, result, failure string) {
	name := semconv.AttemptName(number)
	if kind == semconv.KindRecovery {
		name = semconv.RecoveryName(number)
	}
	_, span := begin(ctx, tp, kind, name)
	attributes := []attribute.KeyValue{
		semconv.SessionIDKey.String(scope.From(ctx).Session), semconv.PhaseNameKey.String(scope.From(ctx).Phase),
		semconv.AttemptKey.Int(number), semconv.DelayKey.Float64(2), semconv.ResultKey.String(result),
	}
	if result == semconv.ResultRetrying {
		attributes = append(attributes, semconv.NextDelayKey.Float64(4))
	}
	if failure != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String("connection_refused"))
	}
	end(span, kind, failure, attributes...)
}

const runSession = "11111111-2222-4333-8444-555555555555"

// pipelineRun is a run with one phase that is recovered at its second recovery, one that fails, and one that is
// skipped.
func pipelineRun(ctx context.Context, tp trace.TracerProvider) {
	ctx = scope.With(ctx, scope.Frame{Session: runSession})
	session := semconv.SessionIDKey.String(runSession)
	ctx, run := begin(ctx, tp, semconv.KindRun, "demo")
	in := func(phase string) context.Context {
		return scope.With(ctx, scope.Frame{Session: runSession, Phase: phase})
	}

	inPhase, phase := begin(in("data_preparation"), tp, semconv.KindPhase, "data_preparation")
	phaseAttempt(inPhase, tp, semconv.KindAttempt, 1, semconv.ResultRetrying, "Connection refused")
	phaseAttempt(inPhase, tp, semconv.KindRecovery, 1, semconv.ResultRetrying, "Connection refused")
	phaseAttempt(inPhase, tp, semconv.KindRecovery, 2, semconv.ResultSuccess, "")
	pass(6 * time.Second)
	end(phase, semconv.KindPhase, "", session, semconv.PhaseNameKey.String("data_preparation"),
		semconv.PhaseStatusKey.String(semconv.StatusSuccess), semconv.RecoveryAttemptedKey.Bool(true),
		semconv.RecoverySuccessKey.Bool(true), semconv.RecoveryMessageKey.String("Recovery successful on attempt 2"),
		semconv.RecoveryAttemptsKey.Int(2))

	inPhase, phase = begin(in("analysis"), tp, semconv.KindPhase, "analysis")
	phaseAttempt(inPhase, tp, semconv.KindAttempt, 1, semconv.ResultFailed, "no such column")
	phase.AddEvent(semconv.GaveUpEvent, trace.WithAttributes(semconv.OutcomeKey.String(semconv.OutcomePermanent)))
	end(phase, semconv.KindPhase, "permanent error: no such column", session, semconv.PhaseNameKey.String("analysis"),
		semconv.PhaseStatusKey.String(semconv.StatusFailed), semconv.ErrorTypeKey.String("*main.columnError"),
		semconv.RecoveryAttemptedKey.Bool(false))

	// One that is skipped knows it from the first.
	_, phase = begin(in("report"), tp, semconv.KindPhase, "report",
		trace.WithAttributes(semconv.PhaseStatusKey.String(semconv.StatusSkipped)))
	end(phase, semconv.KindPhase, "", session, semconv.PhaseNameKey.String("report"),
		semconv.PhaseStatusKey.String(semconv.StatusSkipped))
	end(run, semconv.KindRun, "phase analysis failed", session, semconv.RunStatusKey.String(semconv.StatusFailed))
}

func TestARunAndItsPhases(t *testing.T) {
	got := eventsOf(t, pipelineRun)
	for _, line := range got {
		if !strings.Contains(line, `"session_id": "`+runSession+`"`) {
			t.Errorf("not in the run's session: %s", line)
		}
	}
	checkLines(t, got,
		`{"type": "run_start", "phase": "", "level": "info", "message": "Run demo started", "details": {"pipeline": "demo"}}`,
		`{"type": "phase_start", "phase": "data_preparation", "level": "info", "message": "Phase data_preparation started", "details": {}}`,
		`{"type": "phase_attempt_failed", "phase": "data_preparation", "level": "warning", "message": "Phase attempt 1: Error in data_preparation: Connection refused", "details": {"attempt_number": 1, "reason": "Error in data_preparation: Connection refused", "result": "retrying", "error": "Connection refused", "error_type": "connection_refused", "delay": 2, "next_delay": 4, "duration": 0}}`,
		`{"type": "recovery_attempt", "phase": "data_preparation", "level": "warning", "message": "Recovery attempt 1: Error in data_preparation: Connection refused", "details": {"attempt_number": 1, "reason": "Error in data_preparation: Connection refused", "result": "retrying", "error": "Connection refused", "error_type": "connection_refused", "delay": 2, "next_delay": 4, "duration": 0}}`,
		`{"type": "recovery_attempt", "phase": "data_preparation", "level": "info", "message": "Recovery successful on attempt 2", "details": {"attempt_number": 2, "result": "success", "delay": 2, "duration": 0}}`,
		`{"type": "phase_end", "phase": "data_preparation", "level": "info", "message": "Phase data_preparation ended: success", "details": {"result": "success", "duration": 6, "recovery_message": "Recovery successful on attempt 2", "recovery_attempts": 2}}`,
		`{"type": "phase_start", "phase": "analysis", "level": "info", "message": "Phase analysis started", "details": {}}`,
		`{"type": "phase_attempt_failed", "phase": "analysis", "level": "error", "message": "Phase attempt 1: Error in analysis: no such column", "details": {"attempt_number": 1, "reason": "Error in analysis: no such column", "result": "failed", "error": "no such column", "error_type": "connection_refused", "delay": 2, "duration": 0}}`,
		`{"type": "phase_end", "phase": "analysis", "level": "error", "message": "Phase analysis ended: failed: permanent error: no such column", "details": {"result": "failed", "outcome": "permanent", "error": "permanent error: no such column", "error_type": "*main.columnError", "duration": 0}}`,
		`{"type": "phase_end", "phase": "report", "level": "info", "message": "Phase report ended: skipped", "details": {"result": "skipped", "duration": 0}}`,
		`{"type": "run_end", "phase": "", "level": "error", "message": "Run demo ended: failed: phase analysis failed", "details": {"pipeline": "demo", "result": "failed", "error": "phase analysis failed", "duration": 6}}`,
	)
}

// A span that was cancelled says so itself: once is enough.
func TestACancelledRun(t *testing.T) {
	got := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		for _, c := range [][2]string{
			{semconv.StatusFailed, "cancelled by hand"}, {semconv.StatusCancelled, "cancelled (SIGTERM): b"},
		} {
			_, run := begin(scope.With(ctx, scope.Frame{Session: runSession}), tp, semconv.KindRun, "demo")
			end(run, semconv.KindRun, c[1], semconv.SessionIDKey.String(runSession), semconv.RunStatusKey.String(c[0]))
		}
	})
	checkLines(t, []string{got[1], got[3]},
		`{"type": "run_end", "phase": "", "level": "error", "message": "Run demo ended: failed: cancelled by hand", "details": {"pipeline": "demo", "result": "failed", "error": "cancelled by hand", "duration": 0}}`,
		`{"type": "run_end", "phase": "", "level": "error", "message": "Run demo ended: cancelled (SIGTERM): b", "details": {"pipeline": "demo", "result": "cancelled", "error": "cancelled (SIGTERM): b", "duration": 0}}`)
}

// A fallback is no recovery: it has a type of its own, and the end of its phase says whose the result is.
func TestAFallback(t *testing.T) {
	phase := func(fallback, status string, more ...attribute.KeyValue) []string {
		return eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
			ctx = scope.With(ctx, scope.Frame{Session: runSession, Phase: "p"})
			ctx, phase := begin(ctx, tp, semconv.KindPhase, "p")
			phaseAttempt(ctx, tp, semconv.KindRecovery, 1, semconv.ResultFailed, "Connection refused")
			_, span := begin(ctx, tp, semconv.KindFallback, semconv.FallbackName)
			failure := ""
			if fallback == semconv.ResultFailed {
				failure = "also down"
			}
			end(span, semconv.KindFallback, failure, semconv.PhaseNameKey.String("p"),
				semconv.SessionIDKey.String(runSession),
				semconv.AttemptKey.Int(2), semconv.DelayKey.Float64(0), semconv.ResultKey.String(fallback))
			end(phase, semconv.KindPhase, failure,
				append(more, semconv.PhaseNameKey.String("p"), semconv.PhaseStatusKey.String(status),
					semconv.RecoveryAttemptedKey.Bool(true), semconv.RecoverySuccessKey.Bool(false),
					semconv.RecoveryMessageKey.String("Recovery failed after 1 recovery attempt"),
					semconv.RecoveryAttemptsKey.Int(1))...)
		})[2:]
	}
	checkLines(t, phase(semconv.ResultSuccess, semconv.StatusSuccess, semconv.PhaseFallbackKey.Bool(true)),
		`{"type": "fallback_attempt", "phase": "p", "level": "info", "message": "Fallback successful", "details": {"attempt_number": 2, "result": "success", "delay": 0, "duration": 0}}`,
		`{"type": "phase_end", "phase": "p", "level": "info", "message": "Phase p ended: success by its fallback", "details": {"result": "success", "duration": 0, "recovery_message": "Recovery failed after 1 recovery attempt", "recovery_attempts": 1, "fallback": true}}`)
	checkLines(t, phase(semconv.ResultFailed, semconv.StatusFailed),
		`{"type": "fallback_attempt", "phase": "p", "level": "error", "message": "Fallback failed: Error in p: also down", "details": {"attempt_number": 2, "reason": "Error in p: also down", "result": "failed", "error": "also down", "delay": 0, "duration": 0}}`,
		`{"type": "phase_end", "phase": "p", "level": "error", "message": "Phase p ended: failed: also down", "details": {"result": "failed", "error": "also down", "duration": 0, "recovery_message": "Recovery failed after 1 recovery attempt", "recovery_attempts": 1}}`)
}

func TestARecoveryThatFails(t *testing.T) {
	got := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		ctx = scope.With(ctx, scope.Frame{Session: runSession, Phase: "p"})
		phaseAttempt(ctx, tp, semconv.KindRecovery, 3, semconv.ResultFailed, "Connection refused")
	})
	checkLines(t, got,
		`{"type": "recovery_attempt", "phase": "p", "level": "error", "message": "Recovery attempt 3: Error in p: Connection refused", "details": {"attempt_number": 3, "reason": "Error in p: Connection refused", "result": "failed", "error": "Connection refused", "error_type": "connection_refused", "delay": 2, "duration": 0}}`)
}

// Instrumentation that did not come to say how it ended, and errors without a word.
func TestSpansThatSayLittle(t *testing.T) {
	got := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		_, span := begin(ctx, tp, semconv.KindRun, "demo")
		span.SetAttributes(semconv.KindKey.String(semconv.KindRun))
		span.SetStatus(codes.Error, "")
		span.End()
		_, span = begin(ctx, tp, semconv.KindRun, "half")
		end(span, semconv.KindRun, "", semconv.RunStatusKey.String(semconv.StatusFailed))
		_, span = begin(ctx, tp, semconv.KindRun, "well")
		end(span, semconv.KindRun, "")
		_, span = begin(ctx, tp, semconv.KindAttempt, "attempt 1")
		end(span, semconv.KindAttempt, "", semconv.OperationKey.String("load"), semconv.AttemptKey.Int(1),
			semconv.ResultKey.String(semconv.ResultFailed))
		_, span = begin(ctx, tp, "later", "a kind of the future")
		end(span, "later", "x")
		_, span = begin(ctx, tp, semconv.KindAttempt, "nothing at all")
		span.End()
	})
	for _, line := range got {
		if !strings.Contains(line, `"session_id": "`+testSession+`"`) {
			t.Errorf("not in the process's session: %s", line)
		}
	}
	checkLines(t, got,
		`{"type": "run_start", "phase": "", "level": "info", "message": "Run demo started", "details": {"pipeline": "demo"}}`,
		`{"type": "run_end", "phase": "", "level": "error", "message": "Run demo ended: failed", "details": {"pipeline": "demo", "result": "failed", "duration": 0}}`,
		`{"type": "run_start", "phase": "", "level": "info", "message": "Run half started", "details": {"pipeline": "half"}}`,
		`{"type": "run_end", "phase": "", "level": "error", "message": "Run half ended: failed", "details": {"pipeline": "half", "result": "failed", "duration": 0}}`,
		`{"type": "run_start", "phase": "", "level": "info", "message": "Run well started", "details": {"pipeline": "well"}}`,
		`{"type": "run_end", "phase": "", "level": "info", "message": "Run well ended: success", "details": {"pipeline": "well", "result": "success", "duration": 0}}`,
		`{"type": "autocorrect_attempt", "phase": "", "level": "error", "message": "Autocorrect attempt 1: Error in load: unknown error", "details": {"attempt_number": 1, "reason": "Error in load: unknown error", "result": "failed", "operation": "load", "error": "unknown error", "delay": 0, "duration": 0}}`,
	)
}

// The whole file is the same in every run: nothing in it depends on a real clock, a random number or map order.
func TestTwoRunsWriteTheSameBytes(t *testing.T) {
	story := func(ctx context.Context, tp trace.TracerProvider) {
		pipelineRun(ctx, tp)
		for range 3 {
			operation(ctx, tp, "data_load")
			pass(time.Second)
		}
		stopped(ctx, tp, semconv.OutcomeCancelled, 2, true)
	}
	first, second := eventsOf(t, story), eventsOf(t, story)
	if !slices.Equal(first, second) || len(first) != 11+3*linesOfOperation+3 {
		t.Errorf("%d lines\n%s\nand %d lines\n%s", len(first), strings.Join(first, "\n"), len(second),
			strings.Join(second, "\n"))
	}
}

// The same story under every sampler leaves the same lines, ids aside only because the samplers are asked in the same
// order.
func TestTheSamplerDoesNotChangeTheLog(t *testing.T) {
	story := func(ctx context.Context, tp trace.TracerProvider) {
		pipelineRun(ctx, tp)
		tree(tp)
		operation(ctx, tp, "data_load")
	}
	want := eventsOf(t, story)
	for _, sampler := range []string{"always_off", "parentbased_always_off", "traceidratio"} {
		t.Setenv("OTEL_TRACES_SAMPLER", sampler)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.000001")
		if got := eventsOf(t, story); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", sampler, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A program with a provider of its own has the same log.
func TestTheLogInAProviderOfOnesOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	w, err := events.Open(path, events.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := NewEventLog(w, "")
	id, err := uuid.Parse(log.Session())
	if err != nil || id.Version() != 4 {
		t.Errorf("session %q: %v", log.Session(), err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(Sampler(sdktrace.NeverSample())),
		sdktrace.WithSpanProcessor(log))
	operation(t.Context(), tp, "data_load")
	operation(scope.With(t.Context(), scope.Frame{Session: runSession}), tp, "data_load")
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	operation(t.Context(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(log)), "late") // deaf by now
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	got := lines(t, path)
	if len(got) != 2*linesOfOperation {
		t.Fatalf("%d lines:\n%s", len(got), strings.Join(got, "\n"))
	}
	for i, session := range []string{log.Session(), log.Session(), runSession, runSession} {
		if !strings.Contains(got[i], `"session_id": "`+session+`"`) {
			t.Errorf("line %d is not in session %s: %s", i, session, got[i])
		}
	}
}

func TestTheSessionComesFromTheParentProcess(t *testing.T) {
	t.Setenv(SessionVariable, strings.ToUpper(testSession))
	if got := run(t, quiet(t)).Session(); got != testSession {
		t.Errorf("session %q, want %q", got, testSession)
	}
	t.Setenv(SessionVariable, "monday")
	if got := run(t, quiet(t)).Session(); uuid.Validate(got) != nil {
		t.Errorf("session %q, want a new UUID", got)
	}
}

type panickingWriter struct{}

func (panickingWriter) Write(*events.Record) { panic("out of paper") }

func TestThePanicsOfAWriterDoNotReachTheHost(t *testing.T) {
	handler := collectErrors(t)
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(newEventLog(panickingWriter{}, testSession, true)))
	operation(t.Context(), tp, "data_load")
	operation(t.Context(), tp, "data_load")
	if errs := handler.list(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "out of paper") {
		t.Errorf("reported %v, want the panic, once", errs)
	}
}
