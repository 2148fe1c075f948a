package telemetry

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/redact"
)

// A sample is a span as processors get it at its start and at its end.
type sample struct {
	started sdktrace.ReadWriteSpan
	ended   sdktrace.ReadOnlySpan
}

// spansOf makes a foreign span and one of ours to hand to processors as often as one likes.
func spansOf(ctx context.Context) (other, ours sample) {
	recorder := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	_, span := foreign(ctx, tp, "GET")
	span.End()
	attempt(ctx, tp, "data_load", 1, semconv.ResultRetrying, "Connection timeout")
	started, ended := recorder.Started(), recorder.Ended()
	return sample{started[0], ended[0]}, sample{started[1], ended[1]}
}

type discard struct{}

func (discard) Write(*events.Record) {}

func TestAForeignSpanAllocatesNothing(t *testing.T) {
	other, _ := spansOf(t.Context())
	log := newEventLog(discard{}, testSession, true)
	for name, p := range map[string]sdktrace.SpanProcessor{
		"event log": log,
		"mirror":    newMirror(testSession, guard(log), nil, redact.Secrets),
	} {
		n := testing.AllocsPerRun(100, func() { p.OnStart(t.Context(), other.started); p.OnEnd(other.ended) })
		if n != 0 {
			t.Errorf("%s: %v allocations for a foreign span, want 0", name, n)
		}
	}
	sampler := Sampler(sdktrace.NeverSample())
	parameters := sdktrace.SamplingParameters{ParentContext: t.Context(), Name: "GET"}
	if n := testing.AllocsPerRun(100, func() { sampler.ShouldSample(parameters) }); n != 0 {
		t.Errorf("sampler: %v allocations for a foreign span, want 0", n)
	}
}

// One allocation is the message; the reason is a part of it, and everything else comes from a pool.
func TestALineAllocatesItsMessage(t *testing.T) {
	_, ours := spansOf(t.Context())
	log := newEventLog(discard{}, testSession, true)
	if n := testing.AllocsPerRun(1000, func() { log.OnEnd(ours.ended) }); n > 2 { // the number below 100 costs none
		t.Errorf("%v allocations a line, want at most 2", n)
	}
}

// What Backspan's processor adds to a span that is not its own: the budget is 50 ns and no allocation.
func BenchmarkProcessorForeignSpan(b *testing.B) {
	other, _ := spansOf(b.Context())
	m := newMirror(testSession, guard(newEventLog(discard{}, testSession, false)), nil, redact.Secrets)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		m.OnStart(ctx, other.started)
		m.OnEnd(other.ended)
	}
}

func BenchmarkProcessorAttempt(b *testing.B) {
	_, ours := spansOf(b.Context())
	m := newMirror(testSession, guard(newEventLog(discard{}, testSession, false)), nil, redact.Secrets)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		m.OnStart(ctx, ours.started)
		m.OnEnd(ours.ended)
	}
}

// A foreign span from Start to End, in a bare provider and in one with Backspan's sampler and mirror: sampled, and
// dropped, below a request's span as they are in a service.
func BenchmarkForeignSpan(b *testing.B) {
	for _, c := range []struct {
		name    string
		sampler sdktrace.Sampler
	}{{"sampled", sdktrace.AlwaysSample()}, {"dropped", sdktrace.ParentBased(sdktrace.NeverSample())}} {
		for _, with := range []string{"bare", "backspan"} {
			b.Run(c.name+"/"+with, func(b *testing.B) {
				options := []sdktrace.TracerProviderOption{sdktrace.WithSampler(c.sampler)}
				if with == "backspan" {
					log := newEventLog(discard{}, testSession, true)
					options = []sdktrace.TracerProviderOption{
						sdktrace.WithSampler(Sampler(c.sampler)), sdktrace.WithSpanProcessor(log),
					}
				}
				options = append(options, sdktrace.WithSpanProcessor(ignore{}))
				tp := sdktrace.NewTracerProvider(options...)
				ctx, request := foreign(b.Context(), tp, "GET /")
				defer request.End()
				// a context of a usual depth
				ctx, cancel := context.WithTimeout(context.WithValue(ctx, ignore{}, 1), time.Hour)
				defer cancel()
				b.ReportAllocs()
				for b.Loop() {
					_, span := foreign(ctx, tp, "SELECT")
					span.End()
				}
			})
		}
	}
}

type ignore struct{}

func (ignore) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (ignore) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (ignore) Shutdown(context.Context) error                  { return nil }
func (ignore) ForceFlush(context.Context) error                { return nil }

// A recovered operation with all its spans and lines, without and with a trace file.
func BenchmarkOperation(b *testing.B) {
	for _, name := range []string{"events", "events and trace file"} {
		b.Run(name, func(b *testing.B) {
			cfg := quiet(b)
			if name != "events" {
				cfg.TraceFile = filepath.Join(b.TempDir(), "trace.json")
			}
			tel := run(b, cfg)
			var tp trace.TracerProvider = tel.TracerProvider()
			b.ReportAllocs()
			for b.Loop() {
				operation(b.Context(), tp, "data_load")
			}
		})
	}
}

// What the event log takes for spans of ours of which it writes nothing: those of an operation that succeeds at its
// first attempt. "alone" is the processor by itself, without the SDK's work; the others are whole spans.
func BenchmarkProcessorSuccess(b *testing.B) {
	recorder := tracetest.NewSpanRecorder()
	success(b.Context(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	started, ended := recorder.Started(), recorder.Ended()
	log := newEventLog(discard{}, testSession, true)
	for name, p := range map[string]sdktrace.SpanProcessor{
		"event log": log,
		"mirror":    newMirror(testSession, guard(newEventLog(discard{}, testSession, false)), nil, redact.Secrets),
	} {
		b.Run("alone/"+name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				for i := range started {
					p.OnStart(ctx, started[i])
					p.OnEnd(ended[i])
				}
			}
		})
	}
	for _, name := range []string{"bare", "event log"} {
		b.Run("whole/"+name, func(b *testing.B) {
			options := []sdktrace.TracerProviderOption{sdktrace.WithSpanProcessor(ignore{})}
			if name != "bare" {
				options = append(options, sdktrace.WithSpanProcessor(log))
			}
			tp := sdktrace.NewTracerProvider(options...)
			ctx, request := foreign(b.Context(), tp, "GET /")
			defer request.End()
			b.ReportAllocs()
			for b.Loop() {
				success(ctx, tp)
			}
		})
	}
}

// success is an operation that succeeds at its first attempt: 2 spans, with the attributes that package retry gives
// them.
func success(ctx context.Context, tp trace.TracerProvider) {
	ctx, span := begin(ctx, tp, semconv.KindOperation, "data_load")
	attempt(ctx, tp, "data_load", 1, semconv.ResultSuccess, "")
	end(span, semconv.KindOperation, "", semconv.OperationKey.String("data_load"), semconv.AttemptsKey.Int(1),
		semconv.OutcomeKey.String(semconv.OutcomeSuccess))
}
