package telemetry

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// tallies is what an event log is given that keeps its records of type operation_tally, a line each.
type tallies struct {
	mu   sync.Mutex
	kept []string
}

func (k *tallies) Write(r *events.Record) {
	if r.Type != events.TypeTally {
		return
	}
	line := string(r.Append(nil))
	_, details, _ := strings.Cut(line, `"details": {`)
	details, _, _ = strings.Cut(details, "}")
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, r.Time.Format("04:05 ")+strings.ReplaceAll(details, `"`, ""))
}

func (k *tallies) check(t *testing.T, what string, want ...string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if strings.Join(k.kept, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(k.kept, "\n"), strings.Join(want, "\n"))
	}
	k.kept = nil
}

// tallying is a provider with an event log that counts, in a bubble whose clock begins at 00:00.
func tallying() (*tallies, *EventLog, trace.TracerProvider) {
	kept := &tallies{}
	log := newEventLog(kept, testSession, true)
	log.tally = newTally()
	return kept, log, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(log))
}

// works is an operation that succeeds at its first attempt after d.
func works(ctx context.Context, tp trace.TracerProvider, name string, d time.Duration) {
	ctx, span := begin(ctx, tp, semconv.KindOperation, name)
	time.Sleep(d)
	attempt(ctx, tp, name, 1, semconv.ResultSuccess, "")
	end(span, semconv.KindOperation, "", semconv.OperationKey.String(name), semconv.AttemptsKey.Int(1),
		semconv.OutcomeKey.String(semconv.OutcomeSuccess))
}

func TestTallyWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, log, tp := tallying()
		for range 3 {
			works(t.Context(), tp, "load", 10*time.Millisecond)
		}
		works(t.Context(), tp, "load", 4*time.Second)
		works(t.Context(), tp, "save", 0)
		time.Sleep(55 * time.Second)
		works(t.Context(), tp, "load", 0)
		kept.check(t, "while the window is open")
		time.Sleep(time.Second)
		works(t.Context(), tp, "other", 0) // any span writes what is due
		kept.check(t, "after a minute",
			"01:00 operation: load, depth: 0, seconds: 60, successes: 5, durations: 0:1 6:3 23:1")
		time.Sleep(time.Hour)
		works(t.Context(), tp, "load", 2*time.Hour)
		if len(kept.kept) != 2 {
			t.Errorf("got %q, want one of save and one of other", kept.kept)
		}
		kept.kept = nil
		time.Sleep(3 * time.Second)
		for range 2 {
			if err := log.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		kept.check(t, "at Shutdown", "01:03 operation: load, depth: 0, seconds: 3, successes: 1, durations: 44:1")
		works(t.Context(), tp, "load", time.Minute)
		kept.check(t, "after Shutdown")
	})
}

// While an operation fails, its windows have 10 s: one that is open ends then, or at once if it is older.
func TestTallyOfAFailingOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, _, tp := tallying()
		works(t.Context(), tp, "load", 0)
		time.Sleep(20 * time.Second)
		operation(t.Context(), tp, "load") // it fails once, and closes the window
		kept.check(t, "at the failure", "00:20 operation: load, depth: 0, seconds: 20, successes: 1, durations: 0:1")
		works(t.Context(), tp, "load", 0)
		time.Sleep(10 * time.Second)
		works(t.Context(), tp, "save", 0)
		kept.check(t, "10 s later", "00:30 operation: load, depth: 0, seconds: 10, successes: 1, durations: 0:1")
		works(t.Context(), tp, "load", 0)
		time.Sleep(10 * time.Second)
		works(t.Context(), tp, "save", 0)
		kept.check(t, "when it has not failed for 10 s")
	})
}

func TestTallyOfNestedOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, log, tp := tallying()
		ctx := scope.WithAttempt(t.Context(), scope.Attempt{Operation: "outer", Number: 1})
		works(ctx, tp, "inner", 0)
		time.Sleep(time.Minute)
		works(t.Context(), tp, "x", 0)
		kept.check(t, "nested",
			"01:00 operation: inner, parent_operation: outer, depth: 1, seconds: 60, successes: 1, durations: 0:1")
		if n := len(log.tally.nested.in); n != 0 {
			t.Errorf("%d operations are remembered after their end", n)
		}
	})
}

// A long name is cut in a tally as in the attempts, or the two would not match.
func TestTallyBoundsTheParentsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, _, tp := tallying()
		name := strings.Repeat("page ", 100)
		works(scope.WithAttempt(t.Context(), scope.Attempt{Operation: name, Number: 1}), tp, "inner", 0)
		time.Sleep(time.Minute)
		works(t.Context(), tp, "x", 0)
		kept.check(t, "nested", "01:00 operation: inner, parent_operation: "+
			strings.ReplaceAll(boundtext.Name(name), "…", `\u2026`)+
			", depth: 1, seconds: 60, successes: 1, durations: 0:1")
	})
}

// Beyond 100 operations the rest is one.
func TestTallyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, log, tp := tallying()
		for i := range 150 {
			works(t.Context(), tp, fmt.Sprint("op", i), 0)
		}
		if err := log.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(kept.kept, "\n")
		if len(kept.kept) != 101 || !strings.Contains(all,
			"operation: (other), depth: 0, seconds: 0, successes: 50, ") {
			t.Errorf("%d records:\n%s", len(kept.kept), all)
		}
	})
}

// Every success is in one record, however many goroutines count and write.
func TestTallyCountsEverySuccess(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	success(t.Context(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	whole := recorder.Ended()[1]
	kept := &tallies{}
	log := newEventLog(kept, testSession, true)
	log.tally = newTally()
	const goroutines, each = 8, 2000
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := range each {
				log.OnEnd(whole)
				if i%10 == g {
					log.writeTallies(time.Now(), true)
				}
			}
		})
	}
	all.Wait()
	log.writeTallies(time.Now(), true)
	sum := 0
	for _, line := range kept.kept {
		var n int
		_, count, _ := strings.Cut(line, "successes: ")
		if _, err := fmt.Sscanf(count, "%d", &n); err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if sum != goroutines*each {
		t.Errorf("%d successes in %d records, want %d", sum, len(kept.kept), goroutines*each)
	}
}

func TestATallyOfASuccessAllocatesNothing(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	success(t.Context(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	log := newEventLog(discard{}, testSession, true)
	log.tally = newTally()
	for _, span := range recorder.Ended() {
		if n := testing.AllocsPerRun(100, func() { log.OnEnd(span) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", span.Name(), n)
		}
	}
}
