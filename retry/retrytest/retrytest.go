package retrytest

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/backspan/backspan/internal/scope"
)

// NoWait returns a context below which waits between attempts pass at once. Spans, errors and AfterAttempt still tell
// the delays, and each loop's own MaxElapsed and deadline count its own waits as if they had passed. A loop around
// does not know of the waits that a loop within it passed over: where that matters, use a testing/synctest bubble.
func NoWait(ctx context.Context) context.Context {
	f := scope.From(ctx)
	f.NoWait = true
	return scope.With(ctx, f)
}

// A Recorder keeps the spans that ended below the context of its Record.
type Recorder struct {
	spans   *tracetest.SpanRecorder
	parents *parents
}

// Record returns a context whose retries are recorded, and the recorder. The context holds a span called after the
// test, which ends with it. Retries are recorded also below a span that the code under test starts with the global
// tracer; that span itself goes to the global provider, and Tree shows what is below it where it would stand.
//
//nolint:revive // t comes first, as in every test helper
func Record(t testing.TB, ctx context.Context) (context.Context, *Recorder) {
	t.Helper()
	recorder := &Recorder{spans: tracetest.NewSpanRecorder(), parents: newParents()}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithSpanProcessor(recorder.spans),
		sdktrace.WithSpanProcessor(recorder.parents),
	)
	recorder.parents.provider = provider
	ctx, span := provider.Tracer("retrytest").Start(ctx, t.Name(), newRoot)
	t.Cleanup(func() { span.End() })
	frame := scope.From(ctx)
	frame.Provider = provider
	return scope.With(ctx, frame), recorder
}

// Spans returns the spans that have ended so far, in the order in which they ended: attempts before their operation.
func (r *Recorder) Spans() []sdktrace.ReadOnlySpan { return r.spans.Ended() }

// Attempts returns how many attempts of the named operation have ended so far, over all its calls. Under
// retry.FromFirstFailure a first attempt that succeeded is not counted: it has no span.
func (r *Recorder) Attempts(operation string) int {
	n := 0
	for _, span := range r.Spans() {
		if s := read(span); s.isAttempt() && s.text(operationKey) == operation {
			n++
		}
	}
	return n
}

// Outcomes returns the retry.outcome of each ended call of the named operation, in the order in which they ended:
// success, recovered, exhausted, permanent, not_retryable, retry_later, budget, cancelled, deadline, or panic.
func (r *Recorder) Outcomes(operation string) []string {
	var outcomes []string
	for _, span := range r.Spans() {
		if s := read(span); s.isOperation() && s.text(operationKey) == operation {
			outcomes = append(outcomes, s.text(outcomeKey))
		}
	}
	return outcomes
}
