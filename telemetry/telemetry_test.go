package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/otelenv"
)

// keepGlobals puts OpenTelemetry's globals back when the test ends.
func keepGlobals(t *testing.T) {
	t.Helper()
	provider, propagator := noop.NewTracerProvider(), propagation.NewCompositeTextMapPropagator()
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagator)
	t.Cleanup(func() {
		otel.SetTracerProvider(provider)
		otel.SetTextMapPropagator(propagator)
	})
}

func TestStartSetsTheGlobalsUnlessLocal(t *testing.T) {
	keepGlobals(t)
	before := otel.GetTracerProvider()
	cfg := quiet(t)
	local := run(t, cfg)
	if otel.GetTracerProvider() != before || len(otel.GetTextMapPropagator().Fields()) != 0 {
		t.Error("Local touched the globals")
	}
	if local.TracerProvider() == before || len(local.Propagator().Fields()) == 0 {
		t.Error("Local has no provider or propagator of its own")
	}
	cfg.Local = false
	global := run(t, cfg)
	if otel.GetTracerProvider() != global.TracerProvider() {
		t.Error("the global provider is not the one of Start")
	}
	if got, want := otel.GetTextMapPropagator().Fields(), []string{
		"traceparent", "tracestate", "baggage",
	}; !sameSet(got, want) {
		t.Errorf("the global propagator has %q, want %q", got, want)
	}
}

func TestTheDisabledSDKDoesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("OTEL_SDK_DISABLED", "TRUE")
	t.Setenv("OTEL_PROPAGATORS", "b3")             // the specification wants it to work
	t.Setenv("OTEL_TRACES_SAMPLER", "unthinkable") // is not read
	cfg := Config{TraceFile: "trace.json", Local: true, Processors: []sdktrace.SpanProcessor{loudProcessor{}}}
	tel := run(t, cfg)
	operation(t.Context(), tel.TracerProvider(), "data_load")
	if err := errors.Join(tel.Flush(t.Context()), tel.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) != 0 {
		t.Errorf("files %v, error %v", files, err)
	}
	if tel.Destination().State != ExportDisabled || !strings.Contains(tel.Destination().String(), "OTEL_SDK_DISABLED") {
		t.Errorf("%s", tel.Destination())
	}
	if tel.EventsPath() != "" || tel.TraceFilePath() != "" || tel.EventsDropped() != 0 || tel.Exported() != 0 ||
		tel.Session() == "" {
		t.Errorf("%+v", tel)
	}
	if got := tel.Propagator().Fields(); !slices.Equal(got, []string{"b3"}) {
		t.Errorf("propagator %q", got)
	}
	t.Setenv("OTEL_SDK_DISABLED", "false")
	t.Setenv("OTEL_TRACES_SAMPLER", "")
	if tel := run(t, quiet(t)); tel.Destination().State == ExportDisabled {
		t.Error("false disables")
	}
}

func TestTheEventLogHasADefaultPathAndCanBeOff(t *testing.T) {
	t.Chdir(t.TempDir())
	tel := run(t, Config{NoExport: true, Local: true})
	operation(t.Context(), tel.TracerProvider(), "data_load")
	if n := len(lines(t, events.DefaultPath)); n != linesOfOperation || tel.EventsPath() != events.DefaultPath {
		t.Errorf("%d lines, path %q", n, tel.EventsPath())
	}
	tel = run(t, Config{NoExport: true, Local: true, Events: Off})
	operation(t.Context(), tel.TracerProvider(), "data_load")
	if err := tel.Shutdown(t.Context()); err != nil || tel.EventsPath() != "" || tel.EventsDropped() != 0 {
		t.Errorf("path %q, error %v", tel.EventsPath(), err)
	}
	if n := len(lines(t, events.DefaultPath)); n != linesOfOperation {
		t.Errorf("%d lines", n)
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	keepGlobals(t)
	before := otel.GetTracerProvider()
	cfg := quiet(t)
	cfg.Local = false
	cfg.TraceFile = t.TempDir() // a directory: the event log is open by then
	if _, err := Start(t.Context(), cfg); err == nil {
		t.Fatal("no error")
	}
	if otel.GetTracerProvider() != before {
		t.Error("a failed Start set the global provider")
	}
	cfg = quiet(t)
	cfg.Events = t.TempDir()
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), cfg.Events) {
		t.Errorf("an event log that is a directory: %v", err)
	}
	cfg = quiet(t)
	cfg.EventOptions.DrainTimeout = -1
	if _, err := Start(t.Context(), cfg); err == nil {
		t.Error("a DrainTimeout of -1: no error")
	}
}

func TestShutdownWritesTheQueueOfTheEventLog(t *testing.T) {
	cfg := quiet(t)
	tel := run(t, cfg)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { operation(t.Context(), tel.TracerProvider(), "data_load") })
	}
	all.Wait()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(lines(t, tel.EventsPath())); n != 100*linesOfOperation || tel.EventsDropped() != 0 {
		t.Errorf("%d lines and %d dropped, want %d and 0", n, tel.EventsDropped(), 100*linesOfOperation)
	}
}

// A program that failed to start telemetry, or was told not to, may call everything all the same.
func TestNilTelemetry(t *testing.T) {
	var tel *Telemetry
	if err := errors.Join(tel.Flush(t.Context()), tel.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
	operation(t.Context(), tel.TracerProvider(), "data_load")
	tel.Propagator().Inject(t.Context(), propagation.MapCarrier{})
	got := fmt.Sprint(tel.Session(), tel.EventsPath(), tel.TraceFilePath(), tel.EventsDropped(), tel.Exported(),
		tel.Destination())
	if want := "0 0 spans are not exported"; got != want {
		t.Errorf("a nil Telemetry says %q, want %q", got, want)
	}
}

// A signal during Start cancels its context. Start succeeds all the same.
func TestACancelledContextStarts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf} {
		cfg := quiet(t)
		cfg.NoExport, cfg.Protocol = false, protocol
		tel, err := Start(ctx, cfg)
		if err != nil {
			t.Errorf("%s: %v", protocol, err)
			continue
		}
		if err := tel.Shutdown(ctx); err != nil {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}

// No line is lost when a program shuts the provider down before Telemetry.
func TestShuttingDownTheProviderFirst(t *testing.T) {
	c := &collector{}
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, c), otelenv.HTTPProtobuf
	tel := run(t, cfg)
	operation(t.Context(), tel.TracerProvider(), "data_load")
	provider, ok := tel.TracerProvider().(*sdktrace.TracerProvider)
	if !ok {
		t.Fatalf("%T", tel.TracerProvider())
	}
	if err := provider.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	checkOperation(t, c)
}

// Many goroutines start, end, flush and shut down at once; every span is accounted for.
func TestConcurrentUse(t *testing.T) {
	const goroutines, operations = 16, 50
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10000") // room for all of them, however slow the machine is
	c := &collector{}
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, c), otelenv.HTTPProtobuf
	cfg.TraceFile = filepath.Join(t.TempDir(), "trace.json")
	w := &watcher{}
	cfg.Processors = []sdktrace.SpanProcessor{w}
	cfg.Redact = strings.ToLower
	tel := run(t, cfg)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range operations {
				operation(t.Context(), tel.TracerProvider(), "data_load")
				_, span := foreign(t.Context(), tel.TracerProvider(), "GET")
				span.End()
				_, _, _ = tel.Exported(), tel.EventsDropped(), tel.Destination()
			}
		})
	}
	wg.Wait()
	var errs [4]error
	for i := range errs {
		wg.Go(func() { errs[i] = tel.Shutdown(t.Context()) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Error(err)
	}
	const all = goroutines * operations
	if n := len(lines(t, tel.EventsPath())); n != all*linesOfOperation {
		t.Errorf("%d lines in the event log, want %d", n, all*linesOfOperation)
	}
	if n := len(spanNames(readTraces(t, cfg.TraceFile))); n != all*spansOfOperation {
		t.Errorf("%d spans in the trace file, want %d", n, all*spansOfOperation)
	}
	if n := len(c.spans()); n != all*(spansOfOperation+1) {
		t.Errorf("%d spans exported, want %d", n, all*(spansOfOperation+1))
	}
	if len(w.ended) != all*spansOfOperation {
		t.Errorf("the processor saw %d spans, want %d", len(w.ended), all*spansOfOperation)
	}
}

// Two Telemetries in one process do not interfere.
func TestTwoAtOnce(t *testing.T) {
	first, second := run(t, quiet(t)), run(t, quiet(t))
	operation(t.Context(), first.TracerProvider(), "first")
	if err := first.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	operation(t.Context(), second.TracerProvider(), "second")
	for tel, name := range map[*Telemetry]string{first: "first", second: "second"} {
		got := lines(t, tel.EventsPath())
		if len(got) != linesOfOperation || !strings.Contains(got[0], name) || !strings.Contains(got[0], tel.Session()) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if first.Session() == second.Session() {
		t.Error("one session for two")
	}
}
