package spanid_test

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/internal/spanid"
)

var _ sdktrace.IDGenerator = spanid.Generator{}

func at(t *testing.T, place scope.SpanPlace) context.Context {
	t.Helper()
	return scope.With(t.Context(), scope.Frame{Starting: place.Kind, Place: &place})
}

func TestIDsComeFromThePlace(t *testing.T) {
	places := []scope.SpanPlace{
		{Run: "a", Kind: semconv.KindRun},
		{Run: "b", Kind: semconv.KindRun},
		{Run: "a", Kind: semconv.KindPhase, Phase: "load"},
		{Run: "al", Kind: semconv.KindPhase, Phase: "oad"},
		{Run: "a", Kind: semconv.KindRecovery, Phase: "load", Attempt: 1},
		{Run: "a", Kind: semconv.KindRecovery, Phase: "load", Attempt: 2},
		{Run: "a", Kind: semconv.KindFallback, Phase: "load", Attempt: 2},
	}
	seen := map[trace.SpanID]scope.SpanPlace{}
	for _, place := range places {
		traceID, id := spanid.Generator{}.NewIDs(at(t, place))
		if again := (spanid.Generator{}).NewSpanID(at(t, place), trace.TraceID{1}); again != id ||
			id != spanid.Span(place) {
			t.Errorf("%+v: ids %v and %v, want the same", place, id, again)
		}
		if traceID != spanid.Trace(place.Run) || !traceID.IsValid() || !id.IsValid() {
			t.Errorf("%+v: trace %v, span %v", place, traceID, id)
		}
		if other, taken := seen[id]; taken {
			t.Errorf("%+v and %+v have the same id", place, other)
		}
		seen[id] = place
	}
	if spanid.Trace("a") == spanid.Trace("b") {
		t.Error("two runs have the same trace")
	}
}

// Other spans, those of the user's code in an attempt too, have random ids.
func TestOtherSpansHaveRandomIDs(t *testing.T) {
	below := scope.With(at(t, scope.SpanPlace{Run: "a", Kind: semconv.KindPhase, Phase: "load"}),
		scope.Frame{Session: "a", Phase: "load"})
	seen := map[trace.SpanID]bool{}
	for range 100 {
		_, first := spanid.Generator{}.NewIDs(below)
		second := spanid.Generator{}.NewSpanID(below, trace.TraceID{1})
		if seen[first] || seen[second] || !first.IsValid() || !second.IsValid() {
			t.Fatal("an id came twice, or is zero")
		}
		seen[first], seen[second] = true, true
	}
}
