package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/backspan/backspan/internal/otelenv"
)

// collectAt serves c at address until stop is called, or the test ends.
func collectAt(t *testing.T, c *collector, protocol, address string) (stop func()) {
	t.Helper()
	listener := listen(t, "tcp", address)
	done := make(chan struct{})
	var shut func()
	if protocol == otelenv.GRPC {
		server := grpc.NewServer()
		coltracepb.RegisterTraceServiceServer(server, c)
		shut = server.Stop
		go func() {
			defer close(done)
			_ = server.Serve(listener) // it ends with Stop
		}()
	} else {
		server := &http.Server{Handler: c}
		shut = func() { _ = server.Close() }
		go func() {
			defer close(done)
			_ = server.Serve(listener) // it ends with Close
		}()
	}
	stop = sync.OnceFunc(func() {
		shut()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// shutdownWithin ends telemetry within 2 seconds, as a command does.
func shutdownWithin(t *testing.T, tel *Telemetry) (error, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	return tel.Shutdown(ctx), time.Since(began)
}

var exitProtocols = []string{otelenv.GRPC, otelenv.HTTPProtobuf}

// A program ends while its collector, which somebody named, is away for 0.7 s more: every span arrives.
func TestACollectorThatComesBackLateGetsTheSpans(t *testing.T) {
	for _, protocol := range exitProtocols {
		t.Run(protocol, func(t *testing.T) {
			c := &collector{}
			cfg := quiet(t)
			cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, closedPort(t), protocol
			tel := run(t, cfg)
			operation(t.Context(), tel.TracerProvider(), "data_load")
			back := make(chan struct{})
			time.AfterFunc(700*time.Millisecond, func() {
				collectAt(t, c, protocol, cfg.Endpoint)
				close(back)
			})
			err, _ := shutdownWithin(t, tel)
			if err != nil {
				t.Error(err)
			}
			<-back
			checkOperation(t, c)
		})
	}
}

// A collector that took spans before is waited for, too, although nobody named it.
func TestACollectorThatTookSpansBeforeIsWaitedFor(t *testing.T) {
	for _, protocol := range exitProtocols {
		t.Run(protocol, func(t *testing.T) {
			before, after := &collector{}, &collector{}
			cfg := quiet(t)
			cfg.NoExport, cfg.Discover, cfg.discoverAt, cfg.Protocol = false, true, closedPort(t), protocol
			stop := collectAt(t, before, protocol, cfg.discoverAt)
			tel := run(t, cfg)
			operation(t.Context(), tel.TracerProvider(), "data_load")
			if err := tel.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			stop()
			operation(t.Context(), tel.TracerProvider(), "data_load")
			back := make(chan struct{})
			time.AfterFunc(700*time.Millisecond, func() {
				collectAt(t, after, protocol, cfg.discoverAt)
				close(back)
			})
			err, _ := shutdownWithin(t, tel)
			if err != nil {
				t.Error(err)
			}
			<-back
			checkOperation(t, before)
			checkOperation(t, after)
		})
	}
}

// Nobody waits for a collector that was merely found and is gone.
func TestACollectorThatWasMerelyFoundIsNotWaitedFor(t *testing.T) {
	for _, protocol := range exitProtocols {
		t.Run(protocol, func(t *testing.T) {
			cfg := quiet(t)
			cfg.NoExport, cfg.Discover, cfg.discoverAt, cfg.Protocol = false, true, closedPort(t), protocol
			stop := collectAt(t, &collector{}, protocol, cfg.discoverAt)
			tel := run(t, cfg)
			stop()
			operation(t.Context(), tel.TracerProvider(), "data_load")
			err, took := shutdownWithin(t, tel)
			var lost *ExportError
			if !errors.As(err, &lost) || lost.NotExported != spansOfOperation || took > time.Second {
				t.Errorf("Shutdown took %v and said %v, want that %d spans are lost, at once",
					took, err, spansOfOperation)
			}
		})
	}
}

// One answer that says "later" costs no span while the program ends.
func TestOneRefusalAtTheEndLosesNothing(t *testing.T) {
	for _, protocol := range exitProtocols {
		t.Run(protocol, func(t *testing.T) {
			c := &collector{answer: func(call int) (*coltracepb.ExportTraceServiceResponse, int, error) {
				if call == 1 {
					return nil, http.StatusServiceUnavailable, status.Error(grpccodes.Unavailable, "not now")
				}
				return &coltracepb.ExportTraceServiceResponse{}, http.StatusOK, nil
			}}
			cfg := quiet(t)
			cfg.NoExport, cfg.Discover, cfg.discoverAt, cfg.Protocol = false, true, closedPort(t), protocol
			collectAt(t, c, protocol, cfg.discoverAt)
			tel := run(t, cfg)
			operation(t.Context(), tel.TracerProvider(), "data_load")
			if err, took := shutdownWithin(t, tel); err != nil || took > time.Second {
				t.Errorf("Shutdown took %v and said %v", took, err)
			}
			checkOperation(t, c)
		})
	}
}

// A collector that wants to be left alone for longer than Shutdown may take is not waited for, also when it said so
// before Shutdown began.
func TestAPauseThatIsTooLongEndsTheProgramAtOnce(t *testing.T) {
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "60000") // longer than Shutdown
	pause, err := status.New(grpccodes.Unavailable, "not now").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(20 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf, otelenv.HTTPJSON} {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/asked before %v", protocol, before), func(t *testing.T) {
				asked := make(chan struct{}, 10)
				c := &collector{later: "20", answer: func(int) (*coltracepb.ExportTraceServiceResponse, int, error) {
					asked <- struct{}{}
					return nil, http.StatusTooManyRequests, pause.Err()
				}}
				cfg := quiet(t)
				cfg.NoExport, cfg.Protocol, cfg.Endpoint = false, protocol, closedPort(t)
				collectAt(t, c, protocol, cfg.Endpoint)
				tel := run(t, cfg)
				operation(t.Context(), tel.TracerProvider(), "data_load")
				if before {
					go func() { _ = tel.Flush(t.Context()) }() // Shutdown ends it
					<-asked
				}
				began := time.Now()
				err := tel.Shutdown(context.Background())
				var lost *ExportError
				if !errors.As(err, &lost) || lost.NotExported != spansOfOperation ||
					!strings.Contains(err.Error(), "a pause of ") {
					t.Errorf("Shutdown said %v, want that %d spans are lost and why", err, spansOfOperation)
				}
				if took := time.Since(began); took > shutdownTimeout/2 {
					t.Errorf("Shutdown took %v", took)
				}
				if before && len(asked) > 0 {
					t.Error("the collector was asked again before its time")
				}
			})
		}
	}
}

// An exporter that answers when it is told to.
type gatedExporter struct {
	sdktrace.SpanExporter
	open chan struct{}
}

func (e gatedExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	<-e.open
	return nil
}

func (gatedExporter) Shutdown(context.Context) error { return nil }

// Spans that a full queue drops are told of after a second, and then once a minute, with how many they are.
func TestAFullQueueIsToldWhileItHappens(t *testing.T) {
	handler := collectErrors(t)
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		e := &countingExporter{next: gatedExporter{open: open}, closeIdle: func() {}, endpoint: "http://slow"}
		p := newExportPipeline(e, batchLimits{queue: 20, batch: 10})
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p))
		spans := func(n int) {
			for range n {
				_, span := foreign(t.Context(), tp, "GET")
				span.End()
				synctest.Wait()
			}
		}
		told := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, err := range handler.list() {
				if !errors.Is(err, errQueueFull) {
					t.Error(err)
				}
				got = append(got, err.Error())
			}
			for i := range want {
				want[i] = "telemetry: at least " + want[i] + " not exported to http://slow so far: " +
					errQueueFull.Error()
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		spans(30) // 10 are being exported, 20 wait
		pass(overflowFirst)
		told()
		spans(1)
		pass(overflowFirst)
		told("1 span was")
		spans(100)
		pass(overflowEvery - time.Second)
		told("1 span was")
		spans(1)
		pass(2 * time.Second)
		told("1 span was", "102 spans were")
		pass(2 * overflowEvery)
		told("1 span was", "102 spans were")
		spans(8)
		pass(overflowFirst)
		told("1 span was", "102 spans were", "110 spans were")
		spans(1) // and then all is well
		close(open)
		synctest.Wait()
		err := p.Shutdown(t.Context())
		var lost *ExportError
		if !errors.As(err, &lost) || lost.NotExported != 111 || !errors.Is(err, errQueueFull) {
			t.Errorf("Shutdown said %v, want 111 lost", err)
		}
		pass(overflowEvery)
		told("1 span was", "102 spans were", "110 spans were")
	})
}
