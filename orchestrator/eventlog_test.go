package orchestrator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
	"github.com/backspan/backspan/telemetry"
)

// An eventLog keeps the lines of the event log.
type eventLog struct {
	mu    sync.Mutex
	lines []byte
}

// logEvents gives the provider of the span in ctx an event log.
func logEvents(ctx context.Context) *eventLog {
	l := &eventLog{}
	provider := trace.SpanFromContext(ctx).TracerProvider().(*sdktrace.TracerProvider)
	provider.RegisterSpanProcessor(telemetry.NewEventLog(l, ""))
	return l
}

func (l *eventLog) Write(r *events.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = r.Append(l.lines)
}

// logged is a line as a reader of the schema has it.
type logged struct {
	Session string `json:"session_id"`
	Type    string
	Phase   string
	Level   string
	Details struct {
		Attempt          int `json:"attempt_number"`
		Reason           string
		Result           string
		Outcome          string
		Error            string
		Delay            float64
		Duration         float64
		Pipeline         string
		DryRun           bool   `json:"dry_run"`
		RecoveryMessage  string `json:"recovery_message"`
		RecoveryAttempts int    `json:"recovery_attempts"`
		Fallback         bool
		Allowed          bool
		MaxRetries       *int `json:"max_retries"`
	}
}

// check holds the lines against the report of the only run in them.
func (l *eventLog) check(t *testing.T, report orchestrator.Report) {
	t.Helper()
	of := map[[2]string][]logged{} // by phase and type
	d := json.NewDecoder(bytes.NewReader(l.lines))
	for d.More() {
		var line logged
		if err := d.Decode(&line); err != nil {
			t.Fatalf("%v\n%s", err, l.lines)
		}
		equal(t, "session", line.Session, report.SessionID)
		equal(t, "dry_run of "+line.Type, line.Details.DryRun, report.DryRun)
		at := [2]string{line.Phase, line.Type}
		of[at] = append(of[at], line)
	}
	run := func(kind string) logged {
		if n := len(of[[2]string{"", kind}]); n != 1 {
			t.Fatalf("%d records of type %s, want 1", n, kind)
		}
		return of[[2]string{"", kind}][0]
	}
	begin, end := run(events.TypeRunStart).Details, run(events.TypeRunEnd).Details
	equal(t, "pipeline", begin.Pipeline+" "+end.Pipeline, report.Pipeline+" "+report.Pipeline)
	equal(t, "the run's result", end.Result, string(report.Status))
	equal(t, "the run's reason", end.Reason, report.Reason)
	equal(t, "the run's duration", end.Duration, seconds(report.Ended.Sub(report.Started)))
	for _, p := range report.Phases {
		checkPhaseLines(t, report, p, func(kind string) []logged { return of[[2]string{p.Phase, kind}] })
	}
}

func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }

func levelOf(p orchestrator.PhaseResult) string {
	switch {
	case p.Allowed:
		return events.LevelWarning
	case p.Status == failed, p.Status == cancelled:
		return events.LevelError
	}
	return events.LevelInfo
}

func checkPhaseLines(t *testing.T, report orchestrator.Report, p orchestrator.PhaseResult,
	of func(kind string) []logged,
) {
	t.Helper()
	starts, ends, firsts := of(events.TypePhaseStart), of(events.TypePhaseEnd), of(events.TypePhaseFailed)
	recoveries, fallbacks := of(events.TypeRecovery), of(events.TypeFallback)
	if p.Status != skipped || len(starts) > 0 { // a skipped phase may have begun
		equal(t, p.Phase+"'s starts", len(starts), 1)
	}
	equal(t, p.Phase+"'s ends", len(ends), 1)
	end := ends[0].Details
	equal(t, p.Phase+"'s result", end.Result, string(p.Status))
	equal(t, p.Phase+"'s failure is allowed", end.Allowed, p.Allowed)
	equal(t, p.Phase+"'s level", ends[0].Level, levelOf(p))
	equal(t, p.Phase+"'s reason", end.Reason, p.Reason)
	equal(t, p.Phase+"'s pipeline", end.Pipeline, report.Pipeline)
	equal(t, p.Phase+"'s fallback", end.Fallback, p.Fallback != nil && p.Status == success)
	equal(t, p.Phase+"'s first failures", len(firsts) == 1, p.Error != "")
	for _, first := range firsts {
		equal(t, p.Phase+"'s first error", first.Details.Error, p.Error)
	}
	equal(t, p.Phase+"'s fallbacks", len(fallbacks) == 1, p.Fallback != nil)
	for _, f := range fallbacks {
		equal(t, p.Phase+"'s fallback's error", f.Details.Error, p.Fallback.Error)
	}
	var attempts []orchestrator.RecoveryAttempt
	if p.Recovery != nil {
		attempts = p.Recovery.Attempts
		equal(t, p.Phase+"'s recovery_message", end.RecoveryMessage, p.Recovery.Message)
	}
	equal(t, p.Phase+"'s recovery_attempts", end.RecoveryAttempts, len(attempts))
	equal(t, p.Phase+"'s recoveries", len(recoveries), len(attempts))
	for i, a := range attempts {
		r := recoveries[i].Details
		equal(t, p.Phase+"'s recovery", r.Attempt, a.Attempt)
		equal(t, p.Phase+"'s recovery's success", r.Result == "success", a.Status == orchestrator.AttemptSuccess)
		equal(t, p.Phase+"'s recovery's error", r.Error, a.Error)
		equal(t, p.Phase+"'s recovery's delay", math.Abs(r.Delay-a.Delay.Seconds()) < 1e-6, true)
	}
	for _, r := range append(firsts, recoveries...) {
		// The last try says how it ended, also when the run was stopped in the wait that it announced.
		equal(t, p.Phase+"'s outcome", r.Details.Outcome == "", r.Details.Result == "retrying")
		equal(t, p.Phase+"'s max_retries", r.Details.MaxRetries != nil, r.Details.Result != "success")
	}
}

// What succeeds in a dry run did nothing, and is not counted. Every line of one says so, a retry in a phase included.
func TestEveryLineOfADryRunSaysSo(t *testing.T) {
	provider := sdktrace.NewTracerProvider()
	ctx, span := provider.Tracer("test").Start(t.Context(), "test")
	defer span.End()
	l := logEvents(ctx)
	p := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "load",
		Run:  func(context.Context, orchestrator.Input) (any, error) { return nil, nil },
		DryRun: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			if err := retry.Do(ctx, "at once", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
				return nil, err
			}
			refused := true
			return nil, retry.Do(retrytest.NoWait(ctx), "later", retry.Policy{}, func(context.Context) error {
				if refused {
					refused = false
					return errors.New("refused")
				}
				return nil
			})
		},
	}}}
	report, err := p.Run(ctx, orchestrator.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "dry run", report.DryRun, true)
	kinds := map[string]int{}
	for line := range bytes.Lines(l.lines) {
		var read logged
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatal(err)
		}
		equal(t, "dry_run of "+read.Type, read.Details.DryRun, true)
		kinds[read.Type]++
	}
	want := map[string]int{
		events.TypeRunStart: 1, events.TypePhaseStart: 1, events.TypeAttempt: 1, events.TypeRecovered: 1,
		events.TypePhaseEnd: 1, events.TypeRunEnd: 1,
	}
	if !maps.Equal(kinds, want) {
		t.Errorf("lines by type: %v, want %v\n%s", kinds, want, l.lines)
	}
}
