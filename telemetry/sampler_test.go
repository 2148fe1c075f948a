package telemetry

import (
	"context"
	"fmt"
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/semconv"
)

func TestSamplersByName(t *testing.T) {
	for _, c := range []struct{ name, arg, want string }{
		{"", "", "ParentBased{root:AlwaysOnSampler"},
		{"always_on", "", "AlwaysOnSampler"},
		{"ALWAYS_OFF", "", "AlwaysOffSampler"},
		{"traceidratio", "0.25", "TraceIDRatioBased{0.25}"},
		{"traceidratio", "", "TraceIDRatioBased{1}"}, // the specification's default is 1
		{"traceidratio", "0", "TraceIDRatioBased{0}"},
		{"parentbased_always_on", "ignored", "ParentBased{root:AlwaysOnSampler"},
		{"parentbased_always_off", "", "ParentBased{root:AlwaysOffSampler"},
		{"parentbased_traceidratio", "0.5", "ParentBased{root:TraceIDRatioBased{0.5}"},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", c.name)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", c.arg)
		env := otelenv.Read(otelenv.Program{})
		if err := env.Err(); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := newSampler(env).Description(); len(got) < len(c.want) || got[:len(c.want)] != c.want {
			t.Errorf("%s %s: %s, want %s…", c.name, c.arg, got, c.want)
		}
	}
}

// tree makes a Backspan operation with foreign spans around, inside and below it.
func tree(tp trace.TracerProvider) {
	ctx, server := foreign(context.Background(), tp, "server")
	ctx, op := begin(ctx, tp, semconv.KindOperation, "data_load")
	ctx, one := begin(ctx, tp, semconv.KindAttempt, "attempt 1")
	ctx, client := foreign(ctx, tp, "client")
	_, root := tp.Tracer("example.com/other").Start(ctx, "root", trace.WithNewRoot())
	for _, span := range []trace.Span{root, client, one, op, server} {
		span.End()
	}
}

func TestSamplerRecordsOursAndNothingElse(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(Sampler(sdktrace.ParentBased(sdktrace.NeverSample()))),
		sdktrace.WithSpanProcessor(recorder))
	tree(tp)
	var names []string
	for _, span := range recorder.Ended() {
		names = append(names, span.Name())
		if span.SpanContext().IsSampled() {
			t.Errorf("%s is sampled", span.Name())
		}
	}
	if want := []string{"attempt 1", "data_load"}; !slices.Equal(names, want) {
		t.Errorf("recorded %q, want %q", names, want)
	}
}

func TestSamplerLeavesSampledSpansAlone(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(Sampler(sdktrace.AlwaysSample())),
		sdktrace.WithSpanProcessor(recorder))
	tree(tp)
	if n := len(recorder.Ended()); n != 5 {
		t.Errorf("%d spans recorded, want all 5", n)
	}
	for _, span := range recorder.Ended() {
		if !span.SpanContext().IsSampled() {
			t.Errorf("%s is not sampled", span.Name())
		}
	}
}

// A span that is recorded and not sampled must not change the trace context that is propagated.
func TestSamplerKeepsTheTraceState(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		t.Fatal(err)
	}
	parent := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceState: state, Remote: true,
	})
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(Sampler(sdktrace.ParentBased(sdktrace.AlwaysSample()))))
	_, span := begin(trace.ContextWithSpanContext(t.Context(), parent), tp, semconv.KindOperation, "data_load")
	defer span.End()
	got := span.SpanContext()
	if !span.IsRecording() || got.IsSampled() || got.TraceID() != parent.TraceID() ||
		got.TraceState().String() != "vendor=1" {
		t.Errorf("recording %v, %+v", span.IsRecording(), got)
	}
}

func TestSamplerDescribesItself(t *testing.T) {
	got, want := fmt.Sprint(Sampler(sdktrace.NeverSample()).Description()), "Backspan{AlwaysOffSampler}"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
