package command

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/retry"
)

func TestSetAttempt(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=x")
	if err != nil {
		t.Fatal(err)
	}
	config := trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	}
	plain := trace.NewSpanContext(config)
	config.TraceState = state
	const parent = "TRACEPARENT=00-01000000000000000000000000000000-0200000000000000-01"
	for _, c := range []struct {
		name string
		span trace.SpanContext
		want string
	}{
		{"a span", plain, parent},
		{"a span with a state", trace.NewSpanContext(config), parent + " TRACESTATE=vendor=x"},
		{"no span: what came is handed on", trace.SpanContext{}, "TRACEPARENT=old TRACESTATE=old"},
	} {
		env := NewEnvironment([]string{"PATH=/bin", "TRACEPARENT=old", "TRACESTATE=old", "BACKSPAN_ATTEMPT=9"})
		ctx := trace.ContextWithSpanContext(t.Context(), c.span)
		env.SetAttempt(ctx, "session", "phase")
		want := "BACKSPAN_ATTEMPT=9 BACKSPAN_PHASE=phase BACKSPAN_SESSION=session PATH=/bin " + c.want
		if got := strings.Join(env.List(), " "); got != want {
			t.Errorf("%s: got %q, want %q", c.name, got, want)
		}
	}
}

func TestAttemptNumber(t *testing.T) {
	var got []string
	err := retry.Do(t.Context(), "op", retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay},
		func(ctx context.Context) error {
			env := Environment{}
			env.SetAttempt(ctx, "", "")
			got = append(got, env["BACKSPAN_ATTEMPT"])
			return context.DeadlineExceeded
		})
	if want := []string{"1", "2"}; !slices.Equal(got, want) {
		t.Errorf("attempts %q, want %q; the error is %v", got, want, err)
	}
}
