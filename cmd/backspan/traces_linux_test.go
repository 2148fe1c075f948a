package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// traceReaders are the verbs that read a trace file, and how much memory they may take for one of 20,000 spans. They
// write what they make to stdout.
var traceReaders = []struct {
	name string
	args []string
	most int // KiB
}{
	{"list", []string{"show", "--list"}, 40 << 10},
	{"show", []string{"show"}, 54 << 10},
	{"report", []string{"report", "-o", "-"}, 58 << 10},
}

// Beside 18 MiB for the command itself a span takes a kilobyte or less, half of which is room for garbage. This failed
// for all three when spans did not share their attributes.
func TestATraceFileTakesLittleMemory(t *testing.T) {
	program, path := built(t), filepath.Join(t.TempDir(), "trace.json")
	writeTraceFile(t, path, 20_000)
	for _, verb := range traceReaders {
		kib := peakOf(t, slices.Concat([]string{program}, verb.args, []string{path}))
		t.Logf("%s: %d KiB", verb.name, kib)
		if kib > verb.most {
			t.Errorf("%s: %d KiB, want at most %d", verb.name, kib, verb.most)
		}
	}
}

// BenchmarkTraceFile measures the verbs that read a trace file, on one session of 100,000 spans: BACKSPAN_BENCH_SPANS
// sets another number. They take turns, and the medians stand in docs/performance.md.
//
//	go test -run '^$' -bench TraceFile -benchtime 5x ./cmd/backspan
//
// What it shows: µs-NAME, the processor time of a span, user and system (want at most 3 for list, 10 for show, 14 for
// report), and MiB-NAME, the largest memory (at most 200). BACKSPAN_BENCH_PROGRAM names another build to measure.
func BenchmarkTraceFile(b *testing.B) {
	spans := 100_000
	if text := os.Getenv("BACKSPAN_BENCH_SPANS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			b.Fatalf("BACKSPAN_BENCH_SPANS is %q, want a number above 0", text)
		}
		spans = n
	}
	program := os.Getenv("BACKSPAN_BENCH_PROGRAM")
	if program == "" {
		program = built(b)
	}
	path := filepath.Join(b.TempDir(), "trace.json")
	spans = writeTraceFile(b, path, spans)
	took, memory := map[string][]time.Duration{}, map[string]int{}
	for b.Loop() {
		for _, verb := range traceReaders {
			args := slices.Concat([]string{program}, verb.args, []string{path})
			took[verb.name] = append(took[verb.name], processorTime(b, args))
			memory[verb.name] = max(memory[verb.name], peakOf(b, args))
		}
	}
	b.ReportMetric(0, "ns/op") // the sum of all of them says nothing
	for _, verb := range traceReaders {
		list := slices.Sorted(slices.Values(took[verb.name]))
		b.ReportMetric(float64(list[len(list)/2].Nanoseconds())/1e3/float64(spans), "µs-"+verb.name)
		b.ReportMetric(float64(memory[verb.name])/1024, "MiB-"+verb.name)
	}
}

// processorTime is how long a command kept processors busy, for itself and in the kernel.
func processorTime(b *testing.B, args []string) time.Duration {
	b.Helper()
	command, out, errOut := measuredCommand(b, args)
	defer out.Close() //nolint:errcheck // nobody reads it
	if err := command.Run(); err != nil {
		b.Fatalf("%q: %v\n%.300s", args, err, errOut.String())
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime()
}

// writeTraceFile lets a pipeline write a trace file of so many spans or a few more, and returns how many there are. It
// has ten phases; of sixteen operations three recover and one is given up.
func writeTraceFile(t testing.TB, path string, spans int) int {
	t.Helper()
	tel, err := telemetry.Start(t.Context(), telemetry.Config{
		Service: "nightly", ServiceVersion: "1.2.3", Events: telemetry.Off, TraceFile: path,
		NoExport: true, Local: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	const phases, callers, group = 10, 64, 16
	const ofGroup = 12*2 + 3*3 + 5                              // spans: an operation and its attempts
	rounds := max(1, (spans+phases*ofGroup-1)/(phases*ofGroup)) // of a group, in each phase
	policy := retry.Policy{MaxRetries: 3, BaseDelay: 100 * time.Microsecond}
	call := func(ctx context.Context, name string, fails int) error {
		made := 0
		return retry.Do(ctx, name, policy, func(context.Context) error {
			if made++; made <= fails {
				return fmt.Errorf("get prices: dial tcp 127.0.0.1:%d: connect: connection refused", 30000+made)
			}
			return nil
		})
	}
	pipeline := orchestrator.Pipeline{Name: "nightly"}
	for p := range phases {
		pipeline.Phases = append(pipeline.Phases, orchestrator.Phase{
			Name: fmt.Sprintf("phase_%d", p),
			Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
				var all sync.WaitGroup
				todo := make(chan int)
				for range callers {
					all.Go(func() {
						for i := range todo {
							fails := map[int]int{3: 1, 7: 1, 11: 1, 15: 4}[i%group]
							_ = call(ctx, fmt.Sprintf("operation_%d", i%20), fails) // it is on the spans
						}
					})
				}
				for i := range rounds * group {
					todo <- i
				}
				close(todo)
				all.Wait()
				return nil, nil
			},
		})
	}
	// The run takes its tracer from the span in its context. That one is not Backspan's, and not written.
	ctx, caller := tel.TracerProvider().Tracer("test").Start(t.Context(), "the caller's")
	if _, err := pipeline.Run(ctx, orchestrator.Options{}); err != nil {
		t.Fatal(err)
	}
	caller.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return rounds*phases*ofGroup + 2*phases + 1 // a phase has an attempt; the run is one
}
