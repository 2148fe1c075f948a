package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/semconv"
)

// longOperation is an operation below a span of somebody else, with a text of size bytes on each of its 3 spans.
func longOperation(t *testing.T, tp trace.TracerProvider, size int) {
	t.Helper()
	text := "502 " + strings.Repeat("<p>", size/3)
	ctx, checkout := foreign(t.Context(), tp, "checkout")
	ctx, span := begin(ctx, tp, semconv.KindOperation, "load")
	attempt(ctx, tp, "load", 1, semconv.ResultRetrying, text)
	attempt(ctx, tp, "load", 2, semconv.ResultFailed, text)
	end(span, semconv.KindOperation, text, semconv.OperationKey.String("load"))
	checkout.End()
}

const spansOfLongOperation = 4

// A receiver with gRPC's default limit of 4 MiB gets every span of 200 operations with long texts, foreign spans too,
// and all but the one that is too large by itself, which is named.
func TestLongTextsDoNotCostABatch(t *testing.T) {
	for _, size := range []int{6_000, 30_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			handler := collectErrors(t)
			c := &collector{}
			listener := listen(t, "tcp", "127.0.0.1:0")
			grpcCollector(t, c, listener)
			cfg := quiet(t)
			cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, listener.Addr().String(), otelenv.GRPC
			tel := run(t, cfg)
			const operations = 200
			for i := range operations {
				longOperation(t, tel.TracerProvider(), size)
				if i == operations/2 {
					_, giant := foreign(t.Context(), tel.TracerProvider(), "giant")
					giant.SetStatus(codes.Error, strings.Repeat("x", 5<<20))
					giant.End()
				}
			}
			err := tel.Shutdown(t.Context())
			var lost *ExportError
			if !errors.As(err, &lost) || lost.NotExported != 1 || !strings.Contains(err.Error(), `"giant"`) {
				t.Errorf("Shutdown said %v, want that 1 span, giant, was lost", err)
			}
			if n := len(c.spans()); n != operations*spansOfLongOperation || n != tel.Exported() {
				t.Errorf("%d spans arrived and %d exported, want %d",
					n, tel.Exported(), operations*spansOfLongOperation)
			}
			if errs := handler.list(); len(errs) != 1 || !strings.Contains(errs[0].Error(), `"giant" of 5.0 MiB`) {
				t.Errorf("told %v, want giant once", errs)
			}
		})
	}
}

// A collector that takes less than others, over HTTP or gRPC, gets what is halved until it fits.
func TestBatchesAreHalvedWhenTheyAreRefused(t *testing.T) {
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf, otelenv.HTTPJSON} {
		t.Run(protocol, func(t *testing.T) {
			handler := collectErrors(t)
			c := &collector{most: 200 << 10}
			cfg := quiet(t)
			cfg.NoExport, cfg.Protocol, cfg.Endpoint = false, protocol, collectorAt(t, c, protocol)
			tel := run(t, cfg)
			for range 50 {
				longOperation(t, tel.TracerProvider(), 6_000)
			}
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if n := len(c.spans()); n != 50*spansOfLongOperation {
				t.Errorf("%d spans arrived, want %d", n, 50*spansOfLongOperation)
			}
			if errs := handler.list(); len(errs) != 0 {
				t.Errorf("told %v, although nothing was lost", errs)
			}
		})
	}
}

// However many spans in a row are too large by themselves, those after them arrive.
func TestSpansAfterMuchTooLargeOnesArrive(t *testing.T) {
	collectErrors(t)
	c := &collector{most: 100 << 10}
	cfg := quiet(t)
	cfg.NoExport, cfg.Protocol, cfg.Endpoint = false, otelenv.GRPC, collectorAt(t, c, otelenv.GRPC)
	tel := run(t, cfg)
	tracer := tel.TracerProvider().Tracer("elsewhere")
	const large, small = mostRefusals + 2, 100
	for i := range large + small {
		_, span := tracer.Start(t.Context(), "checkout")
		if i < large {
			span.SetAttributes(attribute.String("body", strings.Repeat("x", 150<<10)))
		}
		span.End()
	}
	var lost *ExportError
	if err := tel.Shutdown(t.Context()); !errors.As(err, &lost) || lost.NotExported != large {
		t.Errorf("%v, want that %d spans were lost", err, large)
	}
	if n := len(c.spans()); n != small {
		t.Errorf("%d spans arrived, want %d", n, small)
	}
}

// collectorAt serves c with protocol, and returns its address.
func collectorAt(t *testing.T, c *collector, protocol string) string {
	t.Helper()
	if protocol != otelenv.GRPC {
		return httpCollector(t, c)
	}
	listener := listen(t, "tcp", "127.0.0.1:0")
	grpcCollector(t, c, listener)
	return listener.Addr().String()
}

// A collector that refuses everything does so for a quota. It is asked a few times for each export, and not hundreds.
func TestAQuotaIsNotAnsweredWithAStorm(t *testing.T) {
	quota := status.New(grpccodes.ResourceExhausted, "quota exceeded")
	hinted, err := quota.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(1 << 40)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		protocol string
		refusal  error
		most     int
	}{
		{"gRPC", otelenv.GRPC, quota.Err(), mostRefusals},
		{"gRPC with RetryInfo", otelenv.GRPC, hinted.Err(), 1},
		{"HTTP", otelenv.HTTPProtobuf, nil, mostRefusals},
	} {
		t.Run(test.name, func(t *testing.T) {
			collectErrors(t)
			c := &collector{answer: func(int) (*coltracepb.ExportTraceServiceResponse, int, error) {
				return nil, http.StatusRequestEntityTooLarge, test.refusal
			}}
			cfg := quiet(t)
			cfg.NoExport, cfg.Protocol, cfg.Endpoint = false, test.protocol, collectorAt(t, c, test.protocol)
			tel := run(t, cfg)
			const operations = 100 // 400 spans with 9 MB: one batch, several parts
			for range operations {
				longOperation(t, tel.TracerProvider(), 30_000)
			}
			ctx, cancel := context.WithTimeout(t.Context(), exitPatience)
			defer cancel()
			var lost *ExportError
			if err := tel.Shutdown(ctx); !errors.As(err, &lost) || lost.NotExported != operations*spansOfLongOperation {
				t.Errorf("%v, want that all %d spans were lost", err, operations*spansOfLongOperation)
			}
			if c.calls > test.most {
				t.Errorf("the collector was asked %d times, want %d at most", c.calls, test.most)
			}
		})
	}
}

// What a span is estimated to take is what it takes in OTLP, or a little more.
func TestSpanSize(t *testing.T) {
	long := strings.Repeat("x", 1000)
	state, err := trace.ParseTraceState("a=" + strings.Repeat("b", 50))
	if err != nil {
		t.Fatal(err)
	}
	all := []attribute.KeyValue{
		attribute.String("string", long), attribute.Bool("bool", true), attribute.Int("int", -1),
		attribute.Float64("float", 1.5),
		attribute.StringSlice("strings", []string{long, "", long}), attribute.BoolSlice("bools", make([]bool, 300)),
		attribute.Int64Slice("ints", []int64{-1, -2, -3}), attribute.Float64Slice("floats", make([]float64, 100)),
		attribute.Slice("slice", attribute.StringValue(long), attribute.Int64Value(-1)),
		attribute.Map("map", attribute.String("inner", long)),
	}
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceState: state})
	own := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	})
	for name, stub := range map[string]tracetest.SpanStub{
		"empty":      {},
		"name":       {Name: long},
		"status":     {Status: sdktrace.Status{Code: codes.Error, Description: long}},
		"scope":      {InstrumentationScope: instrumentation.Scope{Name: long, Version: long}},
		"attributes": {Attributes: all},
		"events":     {Events: []sdktrace.Event{{Name: long, Attributes: all}, {Name: "e"}}},
		"links":      {Links: []sdktrace.Link{{Attributes: all, SpanContext: remote}, {}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &collector{}
			cfg := quiet(t)
			cfg.NoExport, cfg.Protocol, cfg.Endpoint = false, otelenv.GRPC, collectorAt(t, c, otelenv.GRPC)
			tel := run(t, cfg)
			stub.SpanContext = own
			span := stub.Snapshot()
			tel.export.OnEnd(span)
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			scoped := c.requests[0].GetResourceSpans()[0].GetScopeSpans()[0]
			real := proto.Size(&tracepb.ScopeSpans{Scope: scoped.GetScope(), Spans: scoped.GetSpans()})
			if got := spanSize(span); got < real || got > 2*real+spanOverhead {
				t.Errorf("estimated at %d bytes, want %d or a little more", got, real)
			}
		})
	}
}
