package retry

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/backspan/backspan/internal/scope"
)

// firstSuccesses of this test alone.
func emptySlots(t *testing.T) {
	t.Helper()
	forget := func() {
		for i := range firstSuccesses {
			firstSuccesses[i].kept.Store(nil)
			firstSuccesses[i].missed.Store(0)
		}
	}
	forget()
	t.Cleanup(forget)
}

func keptNames() (names []string) {
	for i := range firstSuccesses {
		if f := firstSuccesses[i].kept.Load(); f != nil {
			names = append(names, f.said.name)
		}
	}
	return names
}

func tracedContext(t *testing.T) (context.Context, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	ctx, root := provider.Tracer("somebody").Start(t.Context(), "root")
	t.Cleanup(func() { root.End() })
	return ctx, recorder
}

func succeed(t *testing.T, ctx context.Context, name string, p Policy) { //nolint:revive // as in every helper
	t.Helper()
	if err := Do(ctx, name, p, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
}

// What is kept must say what would be made anew: each of the four that differ in one thing, called in turns and often.
func TestKeptAttributesAreThoseOfTheOperation(t *testing.T) {
	ctx, recorder := tracedContext(t)
	frames := []scope.Frame{
		{}, {Session: "one"}, {Session: "two"}, {Phase: "extract"}, {Session: "one", Phase: "extract"}, {DryRun: true},
	}
	for _, spans := range []Spans{EveryAttempt, FromFirstFailure} {
		for _, name := range []string{"data_load", "data_save", strings.Repeat("long ", 200), "bad \xff text"} {
			for _, frame := range frames {
				emptySlots(t)
				var want, got []string
				for range 4 { // the first two are made, the others kept
					succeed(t, scope.With(ctx, frame), name, Policy{Spans: spans})
				}
				for i, s := range recorder.Ended() {
					text := fmt.Sprint(s.Name(), s.Attributes())
					if i < len(recorder.Ended())/2 {
						want = append(want, text)
					} else {
						got = append(got, text)
					}
				}
				if a, b := strings.Join(want, "\n"), strings.Join(got, "\n"); a != b || a == "" {
					t.Errorf("%v %q %+v: kept\n%s\nmade\n%s", spans, name, frame, b, a)
				}
				recorder.Reset()
			}
		}
	}
}

// A slot is taken by the second miss in a row, so that names of one call each cost nobody a slot.
func TestWhoIsSeenOnceKeepsNothing(t *testing.T) {
	ctx, _ := tracedContext(t)
	emptySlots(t)
	for n := range 500 {
		succeed(t, ctx, fmt.Sprint("request ", n), Policy{})
	}
	if names := keptNames(); len(names) > 0 {
		t.Errorf("kept %q", names)
	}
	succeed(t, ctx, "data_load", Policy{})
	if names := keptNames(); len(names) > 0 {
		t.Errorf("kept after one call: %q", names)
	}
	succeed(t, ctx, "data_load", Policy{})
	if names := keptNames(); len(names) != 1 || names[0] != "data_load" {
		t.Errorf("kept %q after two calls, want data_load", names)
	}
	for n := range 500 { // also who shares its slot does not take it
		succeed(t, ctx, fmt.Sprint("another ", n), Policy{})
	}
	if names := keptNames(); len(names) != 1 || names[0] != "data_load" {
		t.Errorf("kept %q after names that occur once, want data_load", names)
	}
}

// What is kept is used, for both spans.
func TestWhatIsKeptIsUsed(t *testing.T) {
	ctx, recorder := tracedContext(t)
	emptySlots(t)
	for range 2 {
		succeed(t, ctx, "data_load", Policy{})
	}
	recorder.Reset()
	for i := range firstSuccesses {
		if f := firstSuccesses[i].kept.Load(); f != nil {
			marked := *f
			marked.operation.list = append(marked.operation.list, attribute.Bool("kept", true))
			marked.attempt.list = append(marked.attempt.list, attribute.Bool("kept", true))
			firstSuccesses[i].kept.Store(&marked)
		}
	}
	succeed(t, ctx, "data_load", Policy{})
	succeed(t, ctx, "data_load", Policy{Spans: FromFirstFailure})
	if n := len(recorder.Ended()); n != 3 {
		t.Fatalf("%d spans, want 3", n)
	}
	for _, s := range recorder.Ended() {
		if list := s.Attributes(); list[len(list)-1].Key != "kept" {
			t.Errorf("%s was described anew: %v", s.Name(), list)
		}
	}
}

// The memory is bounded whatever programs do, and no text of a program is kept alive.
func TestWhatIsKeptIsBounded(t *testing.T) {
	ctx, _ := tracedContext(t)
	emptySlots(t)
	for range 2 {
		succeed(t, ctx, strings.Repeat("n", maxKeptText+1), Policy{})
		succeed(t, scope.With(ctx, scope.Frame{Session: strings.Repeat("s", maxKeptText)}), "data_load", Policy{})
	}
	for _, name := range keptNames() {
		t.Errorf("kept %d bytes, want at most %d", len(name), maxKeptText)
	}

	huge := strings.Repeat("data_load ", 1000)
	name := huge[:9]
	for range 2 {
		succeed(t, ctx, name, Policy{})
	}
	if names := keptNames(); len(names) != 1 || names[0] != name ||
		unsafe.StringData(names[0]) == unsafe.StringData(name) {
		t.Errorf("kept %q, want a copy of %q", names, name)
	}
	for i := range firstSuccesses {
		if f := firstSuccesses[i].kept.Load(); f != nil {
			for _, a := range append(f.operation.list, f.attempt.list...) {
				if a.Value.Type() == attribute.STRING &&
					unsafe.StringData(a.Value.AsString()) == unsafe.StringData(name) {
					t.Errorf("%s keeps the program's text alive", a.Key)
				}
			}
		}
	}
}

func TestKeptAttributesAreSharedByAllGoroutines(t *testing.T) {
	ctx, recorder := tracedContext(t)
	emptySlots(t)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for range 50 {
				succeed(t, ctx, fmt.Sprint("load ", g%2), Policy{})
			}
		})
	}
	all.Wait()
	for _, s := range recorder.Ended() {
		if n := len(s.Attributes()); n != 4 && n != 5 {
			t.Fatalf("%s has %v", s.Name(), s.Attributes())
		}
	}
}

// Beside what the SDK takes for the same two spans, an operation that is traced and succeeds takes one allocation.
func TestASuccessTakesOneAllocationBesideItsSpans(t *testing.T) {
	provider := sdktrace.NewTracerProvider()
	tracer := provider.Tracer("somebody")
	four := make([]attribute.KeyValue, 4)
	for i := range four {
		four[i] = attribute.Int(fmt.Sprint(i), i)
	}
	five := append(four[:4:4], attribute.Int("4", 4))
	ctx, root := tracer.Start(t.Context(), "root")
	defer root.End()
	floor := testing.AllocsPerRun(200, func() {
		ctx, whole := tracer.Start(ctx, "data_load")
		_, attempt := tracer.Start(ctx, "attempt 1")
		attempt.SetAttributes(five...)
		attempt.End()
		whole.SetAttributes(four...)
		whole.End()
	})
	op := func(context.Context) error { return nil }
	if n := testing.AllocsPerRun(200, func() { _ = Do(ctx, "data_load", Policy{}, op) }); n > floor+1 {
		t.Errorf("%v allocations, want the spans' %v and 1", n, floor)
	}
	late := Policy{Spans: FromFirstFailure}
	if n := testing.AllocsPerRun(200, func() { _ = Do(ctx, "data_load", late, op) }); n > floor/2+1 {
		t.Errorf("from the first failure: %v allocations, want the span's %v and 1", n, floor/2)
	}
}
