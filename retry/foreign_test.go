package retry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
)

// A foreign provider makes spans that keep what they are given, and sort attributes as attribute.NewSet does.
type foreign struct {
	trace.TracerProvider
	kept *foreignKept
}

type foreignKept struct {
	mu     sync.Mutex
	lists  [][]attribute.KeyValue
	events [][]trace.EventOption
}

func (f foreign) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return foreignTracer{f.TracerProvider.Tracer(name, options...), f.kept}
}

type foreignTracer struct {
	trace.Tracer
	kept *foreignKept
}

func (f foreignTracer) Start(
	ctx context.Context, name string, options ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	ctx, span := f.Tracer.Start(ctx, name, options...)
	return ctx, foreignSpan{span, f.kept}
}

type foreignSpan struct {
	trace.Span
	kept *foreignKept
}

func (f foreignSpan) SetAttributes(list ...attribute.KeyValue) {
	f.Span.SetAttributes(list...)
	attribute.NewSet(list...)
	f.kept.mu.Lock()
	defer f.kept.mu.Unlock()
	f.kept.lists = append(f.kept.lists, list)
}

func (f foreignSpan) AddEvent(name string, options ...trace.EventOption) {
	f.Span.AddEvent(name, options...)
	f.kept.mu.Lock()
	defer f.kept.mu.Unlock()
	f.kept.events = append(f.kept.events, options)
}

// What one span is given is that of no other one.
func TestForeignSpansMayChangeAndKeepWhatTheyAreGiven(t *testing.T) {
	around, recorder := tracedContext(t)
	emptySlots(t)
	var kept foreignKept
	provider := foreign{trace.SpanFromContext(around).TracerProvider(), &kept}
	ctx := scope.With(t.Context(), scope.Frame{Provider: provider})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				succeed(t, ctx, "data_load", Policy{})
			}
		})
	}
	all.Wait()
	said, want, got := map[string]int{}, map[string]int{}, map[string]int{}
	for _, s := range recorder.Ended() {
		said[fmt.Sprint(s.Attributes())]++
		set := attribute.NewSet(s.Attributes()...)
		want[fmt.Sprint(set.ToSlice())]++
	}
	if len(said) != 2 {
		t.Errorf("the spans of 160 operations and their attempts say %v", said)
	}
	for _, list := range kept.lists {
		got[fmt.Sprint(list)]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("what they have kept says now %v, want %v", got, want)
	}

	err := Do(ctx, "data_load", Policy{MaxRetries: 1, BaseDelay: NoDelay}, func(context.Context) error {
		return errors.New("refused")
	})
	if !errors.Is(err, ErrExhausted) {
		t.Error(err)
	}
	ended := recorder.Ended()
	for i, event := range ended[len(ended)-1].Events() {
		config := trace.NewEventConfig(kept.events[i]...)
		if now, then := fmt.Sprint(config.Attributes()), fmt.Sprint(event.Attributes); now != then {
			t.Errorf("an event that was kept says now %s, want %s", now, then)
		}
	}
	if len(kept.events) != 2 {
		t.Errorf("%d events, want 2", len(kept.events))
	}
}
