package telemetry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/redact"
)

type loudProcessor struct{ sdktrace.SpanProcessor }

func (loudProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) { panic("loud at start") }

func (loudProcessor) OnEnd(sdktrace.ReadOnlySpan) { panic("loud at end") }

func (loudProcessor) ForceFlush(context.Context) error { panic("loud in flush") }

func (loudProcessor) Shutdown(context.Context) error { panic("loud in shutdown") }

// watcher notes the spans that a processor of the user's sees.
type watcher struct {
	mu             sync.Mutex
	started, ended []string
	sessions       []string // at the end
	stamped        int      // how many had attributes when they started
	flushed, shut  int
}

func (w *watcher) OnStart(_ context.Context, span sdktrace.ReadWriteSpan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = append(w.started, span.Name())
	if len(span.Attributes()) > 0 {
		w.stamped++
	}
}

func (w *watcher) OnEnd(span sdktrace.ReadOnlySpan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, span.Name())
	for _, kv := range span.Attributes() {
		if kv.Key == semconv.SessionIDKey {
			w.sessions = append(w.sessions, kv.Value.AsString())
		}
	}
}

func (w *watcher) ForceFlush(context.Context) error { w.flushed++; return nil }

func (w *watcher) Shutdown(context.Context) error { w.shut++; return nil }

func TestProcessorsSeeOurSpansAndNoOthers(t *testing.T) {
	for _, sampler := range []string{"always_on", "always_off"} {
		w := &watcher{}
		cfg := quiet(t)
		cfg.Events = Off // the session is set without an event log too
		cfg.Sampler, cfg.Session, cfg.Processors = sampler, testSession, []sdktrace.SpanProcessor{w}
		tel := run(t, cfg)
		tree(tel.TracerProvider())
		if err := tel.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		_ = tel.Shutdown(t.Context())
		if want := []string{"data_load", "attempt 1"}; !slices.Equal(w.started, want) {
			t.Errorf("%s: started %q, want %q", sampler, w.started, want)
		}
		if want := []string{"attempt 1", "data_load"}; !slices.Equal(w.ended, want) {
			t.Errorf("%s: ended %q, want %q", sampler, w.ended, want)
		}
		if want := []string{testSession, testSession}; !slices.Equal(w.sessions, want) {
			t.Errorf("%s: sessions %q, want %q", sampler, w.sessions, want)
		}
		if w.flushed != 1 || w.shut != 1 {
			t.Errorf("%s: flushed %d and shut down %d times, want 1 and 1", sampler, w.flushed, w.shut)
		}
	}
}

func TestASpanInARunKeepsTheRunsSession(t *testing.T) {
	w := &watcher{}
	cfg := quiet(t)
	cfg.Processors = []sdktrace.SpanProcessor{w}
	tel := run(t, cfg)
	ctx := scope.With(t.Context(), scope.Frame{Session: runSession})
	attempt(ctx, tel.TracerProvider(), "data_load", 1, semconv.ResultFailed, "x")
	if !slices.Equal(w.sessions, []string{runSession}) || w.stamped != 0 {
		t.Errorf("sessions %q, %d stamped with the process's", w.sessions, w.stamped)
	}
}

func TestThePanicsOfAProcessorDoNotReachTheHost(t *testing.T) {
	handler := collectErrors(t)
	after := &watcher{}
	cfg := quiet(t)
	cfg.Processors = []sdktrace.SpanProcessor{loudProcessor{}, after}
	tel := run(t, cfg)
	operation(t.Context(), tel.TracerProvider(), "data_load")
	if errs := handler.list(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "loud at start") {
		t.Errorf("reported %v, want the first panic alone", errs)
	}
	if len(after.ended) != spansOfOperation || len(lines(t, tel.EventsPath())) != linesOfOperation {
		t.Errorf("the next processor saw %q", after.ended)
	}
	if err := tel.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "loud in flush") {
		t.Errorf("Flush: %v", err)
	}
	if err := tel.Shutdown(t.Context()); err == nil || !strings.Contains(err.Error(), "loud in shutdown") ||
		after.shut != 1 {
		t.Errorf("Shutdown: %v", err)
	}
}

// An error handler of the user's that panics is one more way to hurt the host.
func TestThePanicsOfTheErrorHandlerDoNotReachTheHost(t *testing.T) {
	collectErrors(t) // puts the handler back
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { panic("handler") }))
	cfg := quiet(t)
	cfg.Processors = []sdktrace.SpanProcessor{loudProcessor{}}
	tel := run(t, cfg)
	operation(t.Context(), tel.TracerProvider(), "data_load")
}

// hanging does not come back from Shutdown before it is told to.
type hanging struct {
	watcher
	release chan struct{}
}

func (h *hanging) Shutdown(context.Context) error { <-h.release; return nil }

func TestAProcessorThatHangsHoldsUpNobody(t *testing.T) {
	h := &hanging{release: make(chan struct{})}
	defer close(h.release)
	c := &collector{}
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, c), otelenv.HTTPProtobuf
	cfg.Processors = []sdktrace.SpanProcessor{h}
	tel := run(t, cfg)
	operation(t.Context(), tel.TracerProvider(), "data_load")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := tel.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	checkOperation(t, c)
	if n := len(lines(t, tel.EventsPath())); n != linesOfOperation {
		t.Errorf("%d lines", n)
	}
}

func TestSpansAfterShutdownAreNotSeen(t *testing.T) {
	w := &watcher{}
	cfg := quiet(t)
	cfg.Processors = []sdktrace.SpanProcessor{w}
	tel := run(t, cfg)
	_, open := begin(t.Context(), tel.TracerProvider(), semconv.KindOperation, "open")
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	open.End()
	operation(t.Context(), tel.TracerProvider(), "late")
	if len(w.ended) != 0 || tel.EventsDropped() != 0 {
		t.Errorf("ended %q, %d dropped", w.ended, tel.EventsDropped())
	}
}

// While Shutdown waits for a collector, spans still end; what is closed must not be asked to write them.
func TestSpansThatEndDuringShutdownAreNotSeen(t *testing.T) {
	w := &watcher{}
	m := newMirror(testSession, nil, guard(w), redact.Nothing)
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
	_, open := begin(t.Context(), tp, semconv.KindOperation, "open")
	m.close()
	open.End()
	operation(t.Context(), tp, "late")
	if len(w.started) != 1 || len(w.ended) != 0 {
		t.Errorf("started %q, ended %q", w.started, w.ended)
	}
}
