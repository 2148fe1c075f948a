package retry_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

func recorded() (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)), recorder
}

// behindThePlaceholder is the SDK that is installed first, which stays behind the API's placeholder for good.
var behindThePlaceholder = sync.OnceValues(recorded)

// What is known of the provider asked last must never be believed of the next: programs install an SDK after they have
// begun to work, and tests one each, and put back what was there before.
func TestNoSpanIsLostWhenTheGlobalProviderChanges(t *testing.T) {
	placeholder := otel.GetTracerProvider()
	defer otel.SetTracerProvider(placeholder)
	one, atOne := behindThePlaceholder()
	two, atTwo := recorded()
	three, atThree := recorded()
	below, root := three.Tracer("somebody").Start(t.Context(), "root")
	defer root.End()
	succeed := func(ctx context.Context) {
		if err := retry.Do(ctx, "data_load", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	succeed(t.Context()) // the placeholder was asked, and makes no spans as yet
	old, _ := placeholder.Tracer("somebody").Start(t.Context(), "before anything was installed")

	for i, step := range []struct {
		install trace.TracerProvider
		ctx     context.Context
		at      *tracetest.SpanRecorder // where its two spans go; nil: nowhere
	}{
		{placeholder, below, atThree},
		{one, t.Context(), atOne}, // at once, and from now on behind the placeholder too
		{one, below, atThree},
		{one, old, atOne},
		{placeholder, t.Context(), atOne},
		{noop.NewTracerProvider(), t.Context(), nil},
		{noop.NewTracerProvider(), below, atThree},
		{two, t.Context(), atTwo},
		{noop.NewTracerProvider(), t.Context(), nil},
		{placeholder, t.Context(), atOne},
		{two, t.Context(), atTwo},
	} {
		// What is installed already is an error to install again.
		if otel.GetTracerProvider() != step.install {
			otel.SetTracerProvider(step.install)
		}
		before := map[*tracetest.SpanRecorder]int{}
		for _, r := range []*tracetest.SpanRecorder{atOne, atTwo, atThree} {
			before[r] = len(r.Ended())
		}
		succeed(step.ctx)
		for r, n := range before {
			want := 0
			if r == step.at {
				want = 2
			}
			if got := len(r.Ended()) - n; got != want {
				t.Errorf("step %d: %d spans, want %d", i, got, want)
			}
		}
	}

	// A provider that was shut down makes no spans, and nobody is hurt.
	if err := two.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	succeed(t.Context())
}

// A span that is not the global provider's was put into the context on purpose, and so was a global provider that is
// swapped while an operation is open.
func TestASpanPutInOnPurposeTakesWhatIsBelow(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	first, atFirst := recorded()
	second, atSecond := recorded()
	tenant, atTenant := recorded()
	otel.SetTracerProvider(first)
	succeed := func(ctx context.Context) {
		if err := retry.Do(ctx, "below", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	err := retry.Do(t.Context(), "around", retry.Policy{}, func(ctx context.Context) error {
		ofTenant, span := tenant.Tracer("somebody").Start(ctx, "tenant")
		succeed(ofTenant)
		span.End()
		off, span := noop.NewTracerProvider().Tracer("somebody").Start(ctx, "off")
		succeed(off)
		span.End()
		otel.SetTracerProvider(second)
		ofSecond, span := otel.Tracer("somebody").Start(ctx, "swapped")
		succeed(ofSecond)
		span.End()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at   *tracetest.SpanRecorder
		want []string
	}{
		"first":  {atFirst, []string{"attempt 1", "around"}},
		"second": {atSecond, []string{"attempt 1", "below", "swapped"}},
		"tenant": {atTenant, []string{"attempt 1", "below", "tenant"}},
	} {
		var got []string
		for _, s := range c.at.Ended() {
			got = append(got, s.Name())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: spans %q, want %q", name, got, c.want)
		}
	}
}

// wrapper is a provider as programs wrap one, to add something of theirs.
type wrapper struct{ trace.TracerProvider }

// What is installed globally is not always what its spans call their provider: they are still no spans that somebody
// put into the context on purpose.
func TestTheGlobalProviderBehindAnother(t *testing.T) {
	placeholder := otel.GetTracerProvider()
	t.Cleanup(func() { otel.SetTracerProvider(placeholder) })
	ofPackage := placeholder.Tracer("somebody") // as a library keeps it in a variable
	behind, _ := behindThePlaceholder()
	otel.SetTracerProvider(behind) // only the first time it comes to stand behind the placeholder
	for name, c := range map[string]struct {
		install trace.TracerProvider
		tracer  func() trace.Tracer
	}{
		"put back":         {placeholder, func() trace.Tracer { return otel.Tracer("somebody") }},
		"wrapped":          {wrapper{behind}, func() trace.Tracer { return otel.Tracer("somebody") }},
		"behind the first": {sdktrace.NewTracerProvider(), func() trace.Tracer { return ofPackage }},
	} {
		otel.SetTracerProvider(c.install)
		ctx, spans := retrytest.Record(t, t.Context())
		ctx, span := c.tracer().Start(ctx, "parent")
		if !span.SpanContext().IsValid() {
			t.Errorf("%s: the parent is no span", name)
		}
		if err := retry.Do(ctx, "data_load", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		span.End()
		if got := len(spans.Spans()); got != 2 {
			t.Errorf("a global provider that is %s: %d spans recorded, want 2", name, got)
		}
	}
}
