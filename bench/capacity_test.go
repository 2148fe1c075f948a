package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// A slowCollector takes spans over OTLP and takes its time for each batch.
type slowCollector struct {
	collectortrace.UnimplementedTraceServiceServer
	latency time.Duration
	spans   atomic.Int64
}

func (c *slowCollector) Export(
	ctx context.Context, batch *collectortrace.ExportTraceServiceRequest,
) (*collectortrace.ExportTraceServiceResponse, error) {
	select {
	case <-time.After(c.latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, resource := range batch.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans.Add(int64(len(scope.GetSpans())))
		}
	}
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

// start lets c listen, and returns its address.
func (c *slowCollector) start(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

// What one process can export, by how long its collector takes for a batch. The operations come faster than that, so
// what arrives is the most that can. Everything that was not exported was said to be lost. With -v it prints a table of
// docs/scale.md; BACKSPAN_FULL=1 measures for longer.
func TestSpansByCollector(t *testing.T) {
	full := os.Getenv("BACKSPAN_FULL") != ""
	took, latencies := 300*time.Millisecond, []time.Duration{10 * time.Millisecond}
	if full {
		took, latencies = 5*time.Second, []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, time.Second}
	}
	table := newTable("a batch takes", "queue, batch", "spans/s that arrive", "of all")
	for _, latency := range latencies {
		for _, queue := range []string{"2048 512", "16384 4096"} {
			size, batch, _ := strings.Cut(queue, " ")
			t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", size)
			t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", batch)
			collector := &slowCollector{latency: latency}
			tel, err := telemetry.Start(t.Context(),
				telemetry.Config{Events: telemetry.Off, Endpoint: collector.start(t)})
			if err != nil {
				t.Fatal(err)
			}
			made, start := int64(0), time.Now()
			for time.Since(start) < took {
				if err := retry.Do(t.Context(), operationName, retry.Policy{}, func(context.Context) error {
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				made += 2
			}
			arrived := collector.spans.Load()
			lost := tel.Shutdown(t.Context())
			if all := collector.spans.Load(); all > made || (all < made) != (lost != nil) {
				t.Errorf("%d of %d spans arrived, and Shutdown says %v", all, made, lost)
			}
			rate := float64(arrived) / took.Seconds()
			table.add(latency.String(), size+", "+batch, count(rate),
				fmt.Sprintf("%.0f %%", 100*float64(arrived)/float64(made)))
		}
	}
	logTable(t, table)
}

// What operations take that have failed once and wait, by what is installed. With -v it prints a table of
// docs/scale.md.
func TestOperationsInFlight(t *testing.T) {
	n := 1_000
	if os.Getenv("BACKSPAN_FULL") != "" {
		n = 100_000
	}
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(dropping{}))
	_, root := provider.Tracer("test").Start(t.Context(), "root")
	table := newTable(fmt.Sprintf("%d that wait, each of", n), "KiB", "µs to begin and to end")
	for _, c := range []struct {
		name  string
		span  oteltrace.Span
		spans retry.Spans
	}{
		{"operations without an SDK", nil, retry.EveryAttempt},
		{"operations whose spans are recorded", root, retry.EveryAttempt},
		{"the same, FromFirstFailure", root, retry.FromFirstFailure},
	} {
		crowd, err := gather(n, func(ctx context.Context, waits func()) error {
			if c.span != nil {
				ctx = oteltrace.ContextWithSpan(ctx, c.span)
			}
			err := retry.Do(ctx, operationName, retry.Policy{
				BaseDelay: time.Hour, MaxDelay: time.Hour, Spans: c.spans,
				AfterAttempt: func(context.Context, retry.Attempt) { waits() },
			}, func(context.Context) error { return errRefused })
			if !errors.Is(err, retry.ErrCancelled) {
				return fmt.Errorf("a cancelled operation returned %w", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if crowd.held <= 0 {
			t.Errorf("%s take %.0f bytes", c.name, crowd.held)
		}
		table.add(c.name, fmt.Sprintf("%.1f", crowd.held/1024), fmt.Sprintf("%.1f", (crowd.startNs+crowd.endNs)/1000))
	}
	logTable(t, table)
}
