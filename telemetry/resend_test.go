package telemetry

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// A request counts the retries of all loops around it, those of phases too.
func TestTheResendCountOfNestedLoops(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(newMirror(testSession, nil, nil, nil)), sdktrace.WithSpanProcessor(recorder))
	var want []int64
	send := func(ctx context.Context, retries int) error {
		_, span := tp.Tracer(otelhttp).Start(ctx, "GET", trace.WithSpanKind(trace.SpanKindClient))
		span.End()
		want = append(want, int64(retries))
		return errors.New("503")
	}
	twice := retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay}
	attempt := func(ctx context.Context) int {
		a, _ := retry.AttemptFromContext(ctx)
		return a.Number - 1
	}
	p := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "load", Recovery: &twice,
		Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
			if err := send(ctx, in.Attempt); err == nil {
				t.Error("no error")
			}
			return nil, retry.Do(ctx, "outer", twice, func(outer context.Context) error {
				return retry.Do(outer, "inner", twice, func(inner context.Context) error {
					return send(inner, in.Attempt+attempt(outer)+attempt(inner))
				})
			})
		},
		Fallback: func(ctx context.Context, _ orchestrator.Input) (any, error) { return nil, send(ctx, 0) },
	}}}
	ctx, span := tp.Tracer("test").Start(t.Context(), "test")
	defer span.End()
	if _, err := p.Run(ctx, orchestrator.Options{EnableRecovery: true}); err == nil {
		t.Fatal("the run succeeded")
	}
	var got []int64
	for _, span := range recorder.Ended() {
		if span.Name() == "GET" {
			got = append(got, resendCount(span))
		}
	}
	if len(want) != 11 || !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// resendCount is 0 when span has none.
func resendCount(span sdktrace.ReadOnlySpan) int64 {
	for _, kv := range span.Attributes() {
		if kv.Key == semconv.ResendCountKey {
			return kv.Value.AsInt64()
		}
	}
	return 0
}

func TestResendCount(t *testing.T) {
	get := semconv.RequestMethodKey.String("GET")
	for _, c := range []struct {
		name       string
		scope      string
		attempt    int // 0: in no operation
		kind       trace.SpanKind
		attributes []attribute.KeyValue
		want       int64 // 0: not there
	}{
		{"in no operation", "example.com/client", 0, trace.SpanKindClient, []attribute.KeyValue{get}, 0},
		{"first attempt", "example.com/client", 1, trace.SpanKindClient, []attribute.KeyValue{get}, 0},
		{"second attempt", "example.com/client", 2, trace.SpanKindClient, []attribute.KeyValue{get}, 1},
		{
			"fifth attempt", "example.com/client", 5, trace.SpanKindClient,
			[]attribute.KeyValue{attribute.String("server.address", "h"), get},
			4,
		},
		{"a server", "example.com/client", 2, trace.SpanKindServer, []attribute.KeyValue{get}, 0},
		{
			"a database's client", "example.com/client", 2, trace.SpanKindClient,
			[]attribute.KeyValue{attribute.String("db.system.name", "mysql")},
			0,
		},
		{
			"a gRPC client", "example.com/client", 2, trace.SpanKindClient,
			[]attribute.KeyValue{attribute.String("rpc.system", "grpc")},
			0,
		},
		{"otelhttp, which says later what it is", otelhttp, 2, trace.SpanKindClient, nil, 1},
		{"otelhttp's server", otelhttp, 2, trace.SpanKindServer, nil, 0},
		{
			"who knows better", "example.com/client", 2, trace.SpanKindClient,
			[]attribute.KeyValue{get, semconv.ResendCountKey.Int(7)},
			7,
		},
	} {
		for _, processor := range []sdktrace.SpanProcessor{
			newEventLog(discard{}, testSession, true), newMirror(testSession, nil, nil, nil),
		} {
			recorder := tracetest.NewSpanRecorder()
			tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor),
				sdktrace.WithSpanProcessor(recorder))
			ctx := t.Context()
			if c.attempt > 0 {
				ctx = scope.WithAttempt(ctx, scope.Attempt{Operation: "load", Number: c.attempt})
			}
			_, span := tp.Tracer(c.scope).Start(ctx, "GET",
				trace.WithSpanKind(c.kind), trace.WithAttributes(c.attributes...))
			span.End()
			if got := resendCount(recorder.Ended()[0]); got != c.want {
				t.Errorf("%s, %T: got %d, want %d", c.name, processor, got, c.want)
			}
		}
	}
}
