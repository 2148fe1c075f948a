package telemetry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// measuring is a provider whose operations and attempts are measured, and what reads the measurements.
func measuring(
	t *testing.T, sampler sdktrace.Sampler, redact func(string) string,
) (trace.TracerProvider, *sdkmetric.ManualReader) {
	reader := sdkmetric.NewManualReader()
	m, err := NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), redact)
	if err != nil {
		t.Fatal(err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithSampler(Sampler(sampler)), sdktrace.WithSpanProcessor(m)), reader
}

// collected is each series as a line "name{attributes} count sum", without attributes that are false.
func collected(t *testing.T, reader sdkmetric.Reader) map[string]string {
	t.Helper()
	lines := map[string]string{}
	for _, m := range metricsOf(t, reader) {
		add := func(set attribute.Set, value string) {
			var list []string
			for _, kv := range set.ToSlice() {
				if kv.Value.Type() != attribute.BOOL || kv.Value.AsBool() {
					list = append(list, string(kv.Key)+"="+kv.Value.String())
				}
			}
			lines[m.Name+"{"+strings.Join(list, " ")+"}"] = value + " " + m.Unit
		}
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(p.Attributes, fmt.Sprintf("%d %g", p.Count, p.Sum))
			}
		case metricdata.Histogram[int64]:
			for _, p := range data.DataPoints {
				add(p.Attributes, fmt.Sprintf("%d %d", p.Count, p.Sum))
			}
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				add(p.Attributes, fmt.Sprint(p.Value))
			}
		default:
			t.Errorf("%s is a %T", m.Name, m.Data)
		}
	}
	return lines
}

func metricsOf(t *testing.T, reader sdkmetric.Reader) (list []metricdata.Metrics) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all.ScopeMetrics {
		if s.Scope.Name != semconv.ScopeName || s.Scope.Version != semconv.ScopeVersion {
			t.Errorf("scope %s %s", s.Scope.Name, s.Scope.Version)
		}
		list = append(list, s.Metrics...)
	}
	return list
}

func expectSeries(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range maps.Keys(want) {
		if got[name] != want[name] {
			t.Errorf("%s\n   got %q\n  want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d series, want %d:\n%s", len(got), len(want), strings.Join(slices.Sorted(maps.Keys(got)), "\n"))
	}
}

// recoveredSeries is what TestWhatIsMeasured measures.
var recoveredSeries = map[string]string{
	"retry.operation.duration{phase.name=load retry.operation=fetch retry.outcome=recovered}": "1 2.5 s",
	"retry.operation.attempts{phase.name=load retry.operation=fetch retry.outcome=recovered}": "1 2 {attempt}",
	"retry.operation.delay{phase.name=load retry.operation=fetch retry.outcome=recovered}":    "1 1.5 s",
	"retry.operation.duration{retry.nested=true retry.operation=dial retry.outcome=success}":  "2 0.5 s",
	"retry.operation.attempts{retry.nested=true retry.operation=dial retry.outcome=success}":  "2 2 {attempt}",
	"retry.attempt.duration{error.type=timeout retry.operation=fetch retry.result=retrying}":  "1 0 s",
	"retry.attempt.duration{retry.operation=fetch retry.resend=true retry.result=success}":    "1 0 s",
	"retry.attempt.duration{retry.nested=true retry.operation=dial retry.result=success}":     "2 0 s",
}

// An operation that recovers at its second attempt, with one of its own in each attempt that succeeds at once.
func TestWhatIsMeasured(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{
		"sampled": sdktrace.AlwaysSample(), "not sampled": sdktrace.NeverSample(),
	} {
		synctest.Test(t, func(t *testing.T) {
			tp, reader := measuring(t, sampler, nil)
			ctx := scope.With(t.Context(), scope.Frame{Phase: "load"})
			ctx, whole := begin(ctx, tp, semconv.KindOperation, "fetch")
			for n, result := range []string{semconv.ResultRetrying, semconv.ResultSuccess} {
				in := scope.WithAttempt(ctx, scope.Attempt{Operation: "fetch", Number: n + 1})
				works(in, tp, "dial", 250*time.Millisecond)
				errorType := "timeout"
				if result == semconv.ResultSuccess {
					errorType = ""
				}
				attempt(ctx, tp, "fetch", n+1, result, errorType)
			}
			time.Sleep(2 * time.Second)
			end(whole, semconv.KindOperation, "", semconv.OperationKey.String("fetch"),
				semconv.OutcomeKey.String(semconv.OutcomeRecovered), semconv.AttemptsKey.Int(2),
				semconv.TotalDelayKey.Float64(1.5), semconv.PhaseNameKey.String("load"))
			expectSeries(t, collected(t, reader), recoveredSeries)
			for _, m := range metricsOf(t, reader) {
				if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
					for _, p := range h.DataPoints {
						if (len(p.Exemplars) > 0) != (name == "sampled") {
							t.Errorf("%s, %s: %d exemplars", name, m.Name, len(p.Exemplars))
						}
					}
				}
			}
		})
	}
}

// Names that a program makes up without end do not end in as many series, nor in memory.
func TestMeasuredNamesAreBounded(t *testing.T) {
	tp, reader := measuring(t, sdktrace.NeverSample(), nil)
	for i := range 1500 {
		_, span := begin(t.Context(), tp, semconv.KindOperation, "op")
		end(span, semconv.KindOperation, "", semconv.OperationKey.String(fmt.Sprint("op ", i)),
			semconv.AttemptsKey.Int(1), semconv.OutcomeKey.String(semconv.OutcomeExhausted),
			semconv.ErrorTypeKey.String(fmt.Sprint("e", i)))
	}
	got := collected(t, reader)
	if n := len(got); n != 2*(measuredNames+1) {
		t.Errorf("%d series, want %d", n, 2*(measuredNames+1))
	}
	const rest = "retry.operation.duration{error.type=_OTHER retry.operation=other retry.outcome=exhausted}"
	if !strings.HasPrefix(got[rest], "500 ") {
		t.Errorf("the rest: %q, want 500", got[rest])
	}
}

// Names are masked as those of spans are, and what happens in a dry run, in no operation or elsewhere is not measured.
func TestWhatIsNotMeasured(t *testing.T) {
	tp, reader := measuring(t, sdktrace.AlwaysSample(), func(s string) string {
		return strings.ReplaceAll(s, "alice", "***")
	})
	works(t.Context(), tp, "mail alice", 0)
	_, span := begin(t.Context(), tp, semconv.KindOperation, "rehearsal")
	end(span, semconv.KindOperation, "", semconv.OperationKey.String("rehearsal"), semconv.RunDryRunKey.Bool(true),
		semconv.OutcomeKey.String(semconv.OutcomeSuccess))
	_, span = begin(t.Context(), tp, semconv.KindAttempt, "attempt 1") // the first try of a phase
	end(span, semconv.KindAttempt, "refused", semconv.ResultKey.String(semconv.ResultFailed))
	_, span = begin(t.Context(), tp, semconv.KindPhase, "load")
	end(span, semconv.KindPhase, "", semconv.PhaseStatusKey.String(semconv.StatusSuccess))
	_, span = tp.Tracer("somebody").Start(t.Context(), "GET")
	span.End()
	got := collected(t, reader)
	for name, value := range got {
		if !strings.Contains(name, "retry.operation=mail ***") || !strings.HasPrefix(value, "1 ") {
			t.Errorf("%s: %s", name, value)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d series, want 3", len(got))
	}
}

func TestStartMeasures(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	tel, err := Start(t.Context(), Config{
		Service: "billing", Local: true, NoExport: true, Events: Off, MetricReader: reader, Sampler: "always_off",
	})
	if err != nil {
		t.Fatal(err)
	}
	works(t.Context(), tel.TracerProvider(), "load", 0)
	counter, err := tel.MeterProvider().Meter(semconv.ScopeName).Int64Counter("of.the.program")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 3)
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	if service, _ := all.Resource.Set().Value("service.name"); service.AsString() != "billing" {
		t.Errorf("service.name = %q", service.AsString())
	}
	names := map[string]bool{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			names[m.Name] = true
		}
	}
	for _, name := range []string{
		semconv.OperationDuration, semconv.OperationAttempts, semconv.AttemptDuration, semconv.EventsDropped,
		"of.the.program",
	} {
		if !names[name] {
			t.Errorf("%s was not collected", name)
		}
	}
	if err := tel.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := reader.Collect(t.Context(), &all); err == nil {
		t.Error("the reader is not shut down")
	}
}

// Without a reader there are no metrics, and no harm.
func TestStartWithoutMetrics(t *testing.T) {
	tel, err := Start(t.Context(), Config{Local: true, NoExport: true, Events: Off})
	if err != nil {
		t.Fatal(err)
	}
	for _, tel := range []*Telemetry{tel, nil} {
		if _, err := tel.MeterProvider().Meter("x").Int64Counter("y"); err != nil {
			t.Error(err)
		}
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestMeasuringAllocatesLittle(t *testing.T) {
	tp, _ := measuring(t, sdktrace.NeverSample(), nil)
	m, err := NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, span := begin(t.Context(), tp, semconv.KindOperation, "load")
	end(span, semconv.KindOperation, "", semconv.OperationKey.String("load"), semconv.AttemptsKey.Int(1),
		semconv.OutcomeKey.String(semconv.OutcomeSuccess))
	ended := span.(sdktrace.ReadOnlySpan)
	if n := testing.AllocsPerRun(100, func() { m.OnEnd(ended) }); n > 1 {
		t.Errorf("%v allocations for an operation that is not sampled, want 1 at most", n)
	}
}

func TestBudgetsAreMeasured(t *testing.T) {
	tp, reader := measuring(t, sdktrace.NeverSample(), nil)
	for i, outcome := range []string{"", semconv.OutcomeBudget, semconv.OutcomeBudget} {
		_, span := begin(t.Context(), tp, semconv.KindAttempt, "attempt 1")
		end(span, semconv.KindAttempt, "busy", semconv.OperationKey.String("load"), semconv.AttemptKey.Int(1),
			semconv.ResultKey.String(semconv.ResultFailed), semconv.OutcomeKey.String(outcome),
			semconv.BudgetNameKey.String("billing"), semconv.BudgetTokensKey.Float64(1.5-0.5*float64(i)))
	}
	for _, m := range metricsOf(t, reader) {
		switch data := m.Data.(type) {
		case metricdata.Gauge[float64]:
			if p := data.DataPoints[0]; m.Name != "retry.budget.tokens" || m.Unit != "{token}" || p.Value != 0.5 ||
				p.Attributes != attribute.NewSet(attribute.String("retry.budget.name", "billing")) {
				t.Errorf("%s: %+v", m.Name, data)
			}
			reader = nil
		case metricdata.Sum[int64]:
			if p := data.DataPoints[0]; m.Name != "retry.budget.refused" || p.Value != 2 {
				t.Errorf("%s: %+v", m.Name, data)
			}
		}
	}
	if reader != nil {
		t.Error("no gauge was collected")
	}
}
