package checkpoint_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
)

// A run with a journal is a run like any other.
func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Suite(), func(
		ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
	) (orchestrator.Report, []sdktrace.ReadOnlySpan) {
		t.Helper()
		ctx, rec := recorded(ctx)
		report, _ := checkpoint.Run(ctx, p, opts, checkpoint.Options{Store: newMemory(), Required: true})
		return report, rec.Ended()
	})
}

// So is one whose process dies after any of its records, and that another one goes on with.
func TestConformanceWithKills(t *testing.T) {
	const parts = 8
	for part := range parts {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			// Of "panic" two phases fail at the same moment, and the report names the first one: a kill decides which.
			cases := slices.DeleteFunc(enginetest.Named(), func(c enginetest.Case) bool { return c.Name == "panic" })
			enginetest.Run(t, cases, diesAt(func(_, of int) int { return 1 + part*(of-1)/parts }))
		})
	}
	t.Run("anywhere", func(t *testing.T) {
		enginetest.Run(t, enginetest.Random(100), diesAt(func(any, of int) int { return 1 + any%of }))
	})
}

// diesAt is an engine whose process dies after as many of a run's records as cut says, given a number of the case's own
// and how many there would be. A run that is stopped is not killed before: what stops it would be over.
func diesAt(cut func(any, of int) int) enginetest.Runner {
	return func(
		ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
	) (orchestrator.Report, []sdktrace.ReadOnlySpan) {
		t.Helper()
		ctx, rec := recorded(ctx)
		store := newMemory()
		var before []int
		store.appended = func(string, int) error {
			before = append(before, len(rec.Ended()))
			return nil
		}
		report, _ := checkpoint.Run(ctx, p, opts, checkpoint.Options{Store: store, Required: true})
		all := rec.Ended()
		// Where one failure keeps others from beginning, the time of each decides, which a kill changes.
		races := report.Status != orchestrator.Success && !opts.ContinueOnError && len(p.Phases) > 3
		if _, timed := ctx.Deadline(); timed || races || ctx.Err() != nil {
			return report, all
		}
		<-time.After(time.Hour)
		store.appended = nil
		records := store.journals[report.SessionID]
		h := fnv.New32()
		h.Write([]byte(t.Name()))
		n := cut(int(h.Sum32()), len(records)-1) // with all of them the run has ended
		store.journals[report.SessionID] = records[:n]
		report, _ = checkpoint.Resume(context.WithoutCancel(ctx), p, report.SessionID,
			orchestrator.Options{Grace: opts.Grace, Cleanup: opts.Cleanup},
			checkpoint.Options{Store: store, Required: true})
		return report, made(append(append([]sdktrace.ReadOnlySpan{}, all[:before[n]]...), rec.Ended()[len(all):]...))
	}
}

// made is spans without attempts that were lost, and without those that were made again since nobody had noted their
// end, and what is below them.
func made(spans []sdktrace.ReadOnlySpan) (kept []sdktrace.ReadOnlySpan) {
	last, dropped := map[string]trace.SpanID{}, map[trace.SpanID]bool{}
	name := func(s sdktrace.ReadOnlySpan) string { return fmt.Sprint(placeOf(s), s.Name(), s.Parent().SpanID()) }
	for _, s := range spans {
		if place := placeOf(s); place.kind == "attempt" || place.kind == "recovery" || place.kind == "fallback" {
			for _, kv := range s.Attributes() {
				if kv.Key == "error.type" && kv.Value.AsString() == "lost" {
					dropped[s.SpanContext().SpanID()] = true
				}
			}
			if !dropped[s.SpanContext().SpanID()] {
				if before, twice := last[name(s)]; twice {
					dropped[before] = true
				}
				last[name(s)] = s.SpanContext().SpanID()
			}
		}
	}
	for more := true; more; {
		more = false
		for _, s := range spans {
			if id := s.SpanContext().SpanID(); dropped[s.Parent().SpanID()] && !dropped[id] {
				dropped[id], more = true, true
			}
		}
	}
	for _, s := range spans {
		if !dropped[s.SpanContext().SpanID()] {
			kept = append(kept, s)
		}
	}
	return kept
}
