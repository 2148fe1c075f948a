package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/semconv"
)

// handled collects the errors that OpenTelemetry's error handler gets during a test.
type handled struct {
	mu   sync.Mutex
	errs []error
	told chan struct{} // gets a value for each error
}

func collectErrors(t *testing.T) *handled {
	t.Helper()
	h := &handled{told: make(chan struct{}, 1000)}
	otel.SetErrorHandler(h)
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Log(err) })) })
	return h
}

func (h *handled) Handle(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
	h.told <- struct{}{}
}

func (h *handled) list() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]error(nil), h.errs...)
}

// lossOf runs three operations against endpoint and shuts down within bound. The event log must be complete whatever
// the collector does, and Shutdown must return the loss.
func lossOf(t *testing.T, cfg Config, bound time.Duration) (*ExportError, time.Duration) {
	t.Helper()
	cfg.NoExport = false
	tel := run(t, cfg)
	for range 3 {
		operation(t.Context(), tel.TracerProvider(), "data_load")
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	err := tel.Shutdown(ctx)
	took := time.Since(began)
	if n := len(lines(t, tel.EventsPath())); n != 3*linesOfOperation || tel.EventsDropped() != 0 {
		t.Errorf("%d lines in the event log and %d dropped, want %d and 0", n, tel.EventsDropped(), 3*linesOfOperation)
	}
	var lost *ExportError
	if !errors.As(err, &lost) {
		t.Fatalf("error %v, want an ExportError", err)
	}
	if lost.NotExported != 3*spansOfOperation || tel.Exported() != 0 {
		t.Errorf("%d spans not exported and %d exported, want %d and 0",
			lost.NotExported, tel.Exported(), 3*spansOfOperation)
	}
	if again := tel.Shutdown(t.Context()); !errors.Is(again, err) {
		t.Errorf("the second Shutdown returned %v, want %v again", again, err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is more than a line", err)
	}
	return lost, took
}

// slack is what a busy machine may add to a bound.
const slack = 2 * time.Second

func TestABlackholeCostsItsBoundAndNoLine(t *testing.T) {
	const bound = 300 * time.Millisecond
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf} {
		t.Run(protocol, func(t *testing.T) {
			handler := collectErrors(t)
			cfg := quiet(t)
			cfg.Endpoint, cfg.Protocol = blackhole(t), protocol
			// A processor that is done in time gives no error, however long the collector takes.
			cfg.Processors = []sdktrace.SpanProcessor{tracetest.NewSpanRecorder()}
			lost, took := lossOf(t, cfg, bound)
			if took < bound || took > bound+slack {
				t.Errorf("Shutdown took %v, want %v", took, bound)
			}
			if !errors.Is(lost, context.DeadlineExceeded) || !strings.Contains(lost.Error(), "no answer in time") {
				t.Errorf("%v", lost)
			}
			if errs := handler.list(); len(errs) != 0 {
				t.Errorf("%v was reported too, although Shutdown returns it", errs)
			}
		})
	}
}

// A program that ends waits a moment for a collector that somebody named, and no longer.
func TestACollectorThatIsDownCostsTwoSeconds(t *testing.T) {
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf} {
		t.Run(protocol, func(t *testing.T) {
			cfg := quiet(t)
			cfg.Endpoint, cfg.Protocol = closedPort(t), protocol
			lost, took := lossOf(t, cfg, time.Minute)
			if took < exitPatience || took > exitPatience+slack {
				t.Errorf("Shutdown took %v, want about %v", took, exitPatience)
			}
			if !strings.Contains(lost.Error(), "connection refused") {
				t.Errorf("%q does not say what was wrong", lost)
			}
			want := "9 spans were not exported to http://" + cfg.Endpoint
			if !strings.HasPrefix(lost.Error(), want) {
				t.Errorf("%q, want %q…", lost, want)
			}
		})
	}
}

func TestShutdownWithoutADeadlineIsBounded(t *testing.T) {
	ctx, cancel := withDefaultTimeout(context.Background())
	defer cancel()
	deadline, ok := ctx.Deadline()
	if left := time.Until(deadline); !ok || left > shutdownTimeout {
		t.Errorf("deadline in %v", left)
	}
}

func TestACancelledContextStillClosesTheEventLog(t *testing.T) {
	cfg := quiet(t)
	cfg.Endpoint = blackhole(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg.NoExport = false
	tel := run(t, cfg)
	operation(ctx, tel.TracerProvider(), "data_load")
	err := tel.Shutdown(ctx)
	var lost *ExportError
	if !errors.As(err, &lost) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want an ExportError that matches context.Canceled", err)
	}
	if n := len(lines(t, tel.EventsPath())); n != linesOfOperation {
		t.Errorf("%d lines, want %d", n, linesOfOperation)
	}
}

// After a cancelled run, Shutdown with context.WithoutCancel exports.
func TestWithoutCancelExportsACancelledRun(t *testing.T) {
	c := &collector{}
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, c), otelenv.HTTPProtobuf
	ctx, cancel := context.WithCancel(t.Context())
	tel := run(t, cfg)
	operation(ctx, tel.TracerProvider(), "data_load")
	cancel()
	if err := tel.Shutdown(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	checkOperation(t, c)
}

// refusal is a collector's answer that takes all but n spans.
func refusal(n int64) func(int) (*coltracepb.ExportTraceServiceResponse, int, error) {
	return func(int) (*coltracepb.ExportTraceServiceResponse, int, error) {
		return &coltracepb.ExportTraceServiceResponse{PartialSuccess: &coltracepb.ExportTracePartialSuccess{
			RejectedSpans: n, ErrorMessage: "quota",
		}}, http.StatusOK, nil
	}
}

func TestSpansThatTheCollectorRefusesAreCounted(t *testing.T) {
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf, otelenv.HTTPJSON} {
		for refused, lost := range map[int64]int{0: 0, 2: 2, 1000: spansOfOperation} {
			t.Run(fmt.Sprintf("%s %d", protocol, refused), func(t *testing.T) {
				c := &collector{answer: refusal(refused)}
				cfg := quiet(t)
				if protocol == otelenv.GRPC {
					listener := listen(t, "tcp", "127.0.0.1:0")
					grpcCollector(t, c, listener)
					cfg.Endpoint = listener.Addr().String()
				} else {
					cfg.Endpoint = httpCollector(t, c)
				}
				cfg.NoExport, cfg.Protocol = false, protocol
				tel := run(t, cfg)
				operation(t.Context(), tel.TracerProvider(), "data_load")
				err := tel.Shutdown(t.Context())
				var e *ExportError
				got := 0
				if errors.As(err, &e) {
					got = e.NotExported
				}
				if got != lost || tel.Exported() != spansOfOperation-lost {
					t.Errorf("%d lost, %d exported, error %v, want %d lost", got, tel.Exported(), err, lost)
				}
				if lost > 0 && !strings.Contains(err.Error(), "quota") {
					t.Errorf("%v does not say why", err)
				}
			})
		}
	}
}

// The batch processor drops spans when its queue is full, and reports nothing.
func TestSpansThatTheQueueDropsAreCounted(t *testing.T) {
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
	c := &collector{}
	release := make(chan struct{})
	c.answer = func(int) (*coltracepb.ExportTraceServiceResponse, int, error) {
		<-release
		return &coltracepb.ExportTraceServiceResponse{}, http.StatusOK, nil
	}
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, c), otelenv.HTTPProtobuf
	tel := run(t, cfg)
	const operations = 100
	for range operations {
		operation(t.Context(), tel.TracerProvider(), "data_load")
	}
	close(release)
	err := tel.Shutdown(t.Context())
	var lost *ExportError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "OTEL_BSP_MAX_QUEUE_SIZE") {
		t.Fatalf("error %v", err)
	}
	received := len(c.spans())
	if lost.NotExported+received != operations*spansOfOperation || received != tel.Exported() || received == 0 {
		t.Errorf("%d lost, %d received, %d exported, of %d",
			lost.NotExported, received, tel.Exported(), operations*spansOfOperation)
	}
	if n := len(lines(t, tel.EventsPath())); n != operations*linesOfOperation {
		t.Errorf("%d lines in the event log, want %d", n, operations*linesOfOperation)
	}
}

// A collector that is away is reported once. When it has come back and is away again, it is reported again.
func TestACollectorThatIsAwayIsReportedOnce(t *testing.T) {
	handler := collectErrors(t)
	c := &collector{}
	up := func(call int) bool { return call == 4 }
	c.answer = func(call int) (*coltracepb.ExportTraceServiceResponse, int, error) {
		if up(call) {
			return &coltracepb.ExportTraceServiceResponse{}, http.StatusOK, nil
		}
		return nil, http.StatusForbidden, nil
	}
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, c), otelenv.HTTPProtobuf
	tel := run(t, cfg)
	var failures int
	for range 6 {
		operation(t.Context(), tel.TracerProvider(), "data_load")
		err := tel.Flush(t.Context())
		var lost *ExportError
		if errors.As(err, &lost) {
			failures++
			if lost.NotExported != spansOfOperation {
				t.Errorf("Flush: %d lost, want those of this flush, %d", lost.NotExported, spansOfOperation)
			}
		} else if err != nil {
			t.Error(err)
		}
	}
	if failures != 5 {
		t.Errorf("Flush failed %d times, want 5", failures)
	}
	errs := handler.list()
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), cfg.Endpoint) || !strings.Contains(errs[0].Error(), "403") {
		t.Errorf("reported %v, want twice, with the endpoint and why", errs)
	}
	var lost *ExportError
	if err := tel.Shutdown(t.Context()); !errors.As(err, &lost) || lost.NotExported != 5*spansOfOperation {
		t.Errorf("Shutdown: %v, want the loss of the whole life", err)
	}
	if tel.Exported() != spansOfOperation {
		t.Errorf("%d exported, want %d", tel.Exported(), spansOfOperation)
	}
}

type brokenExporter struct{ sdktrace.SpanExporter }

func (brokenExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	panic("out of ideas")
}

func (brokenExporter) Shutdown(context.Context) error { return errors.New("no door") }

// The exporter runs on a goroutine of the SDK, where a panic would end the program.
func TestAPanicOfTheExporterIsAnExportError(t *testing.T) {
	p := newExportPipeline(&countingExporter{next: brokenExporter{}, closeIdle: func() {}, endpoint: "nowhere"},
		batchLimits{100, 100})
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p))
	operation(t.Context(), tp, "data_load")
	err := p.Shutdown(t.Context())
	var lost *ExportError
	if !errors.As(err, &lost) || lost.NotExported != spansOfOperation {
		t.Errorf("%v", err)
	}
	if err := p.exporter.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 1)); err != nil {
		t.Error(err)
	}
}

// OTLP refuses a text that is not UTF-8, and with it the whole batch, spans of other instrumentation included.
func TestOneBadByteDoesNotCostABatch(t *testing.T) {
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf, otelenv.HTTPJSON} {
		t.Run(protocol, func(t *testing.T) {
			c := &collector{}
			cfg := quiet(t)
			if protocol == otelenv.GRPC {
				listener := listen(t, "tcp", "127.0.0.1:0")
				grpcCollector(t, c, listener)
				cfg.Endpoint = listener.Addr().String()
			} else {
				cfg.Endpoint = httpCollector(t, c)
			}
			cfg.NoExport, cfg.Protocol, cfg.Service = false, protocol, "bill\xff"
			tel := run(t, cfg)
			tp := tel.TracerProvider()
			attempt(t.Context(), tp, "data_load", 1, semconv.ResultFailed, "row 3: \xff\xfe")
			_, other := tp.Tracer("example.com/\xff", trace.WithInstrumentationVersion("\xff"),
				trace.WithSchemaURL("\xff"),
				trace.WithInstrumentationAttributes(semconv.ReasonKey.String("\xff"))).Start(t.Context(), "GET /\xff")
			other.SetAttributes(semconv.ReasonKey.String("\xc3"))
			other.SetAttributes(semconv.OperationKey.StringSlice([]string{"a", "\xff"}))
			other.End()
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(c.spans()); n != 2 {
				t.Errorf("%d spans arrived, want 2", n)
			}
			if got := c.spans()[0].GetStatus().GetMessage(); got != "row 3: \uFFFD" {
				t.Errorf("status %q", got)
			}
		})
	}
}

func TestRedactionReachesTheCollector(t *testing.T) {
	c := &collector{}
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, c), otelenv.HTTPProtobuf
	cfg.Redact = func(s string) string {
		if strings.Contains(s, "boom") {
			panic("redaction")
		}
		return strings.NewReplacer("s3cret", "***", "retrying", "!!!").Replace(s)
	}
	tel := run(t, cfg)
	attempt(t.Context(), tel.TracerProvider(), "data_load", 1, semconv.ResultRetrying, "token s3cret refused")
	attempt(t.Context(), tel.TracerProvider(), "data_load", 2, semconv.ResultFailed, "boom s3cret")
	_, other := foreign(t.Context(), tel.TracerProvider(), "GET")
	other.SetAttributes(semconv.ReasonKey.String("s3cret of somebody else"))
	other.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := c.spans()
	text := fmt.Sprint(spans)
	if strings.Count(text, "s3cret") != 1 || !strings.Contains(text, "token *** refused") ||
		!strings.Contains(text, redactionFailed) {
		t.Errorf("%s", text)
	}
	if !strings.Contains(text, "retrying") {
		t.Error("the redaction changed a word of the schema")
	}
	log := strings.Join(lines(t, tel.EventsPath()), "\n")
	if strings.Contains(log, "s3cret") || !strings.Contains(log, "token *** refused") {
		t.Errorf("%s", log)
	}
}

func TestAnExportErrorIsOneShortLine(t *testing.T) {
	e := &ExportError{NotExported: 1, Endpoint: "http://x:1", Err: errors.New("a\nb  " + strings.Repeat("c", 5000))}
	if text := e.Error(); strings.Contains(text, "\n") || len(text) > 400 ||
		!strings.HasPrefix(text, "1 span was not exported to http://x:1: a b ccc") {
		t.Errorf("%q", text)
	}
}
