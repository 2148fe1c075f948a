package retry_test

import (
	"context"
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// A homeless span records and names a provider that does not.
type homeless struct{ trace.Span }

func (homeless) TracerProvider() trace.TracerProvider { return noop.NewTracerProvider() }

type homelessTracer struct{ trace.Tracer }

func (t homelessTracer) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (
	context.Context, trace.Span,
) {
	ctx, span := t.Tracer.Start(ctx, name, o...)
	return trace.ContextWithSpan(ctx, homeless{span}), homeless{span}
}

type homelessProvider struct{ *sdktrace.TracerProvider }

func (p homelessProvider) Tracer(name string, o ...trace.TracerOption) trace.Tracer {
	return homelessTracer{p.TracerProvider.Tracer(name, o...)}
}

type rooted struct {
	trace.Span
	provider trace.TracerProvider
}

func (r rooted) TracerProvider() trace.TracerProvider { return r.provider }

// The provider that the operation's span names is not asked again for those of its attempts.
func TestAttemptsGoWhereTheirOperationWent(t *testing.T) {
	for _, which := range []retry.Spans{retry.EveryAttempt, retry.FromFirstFailure} {
		recorder := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
		ctx, root := provider.Tracer("somebody").Start(t.Context(), "root")
		ctx = trace.ContextWithSpan(retrytest.NoWait(ctx), rooted{root, homelessProvider{provider}})
		f := flaky{failures: 1}
		if err := retry.Do(ctx, "data_load", retry.Policy{Spans: which}, f.op); err != nil {
			t.Error(err)
		}
		func() {
			defer func() {
				if r := recover(); r != "mine" {
					t.Errorf("%v: recovered %v, want the operation's own panic", which, r)
				}
			}()
			_ = retry.Do(ctx, "print", retry.Policy{Spans: which}, func(context.Context) error { panic("mine") })
		}()
		root.End()
		var names []string
		for _, s := range recorder.Ended() {
			names = append(names, s.Name())
		}
		if want := []string{
			"attempt 1", "attempt 2", "data_load", "attempt 1", "print", "root",
		}; !slices.Equal(names, want) {
			t.Errorf("%v: spans %q, want %q", which, names, want)
		}
	}
}
