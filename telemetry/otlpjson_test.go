package telemetry

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/backspan/backspan/internal/semconv"
)

// transformed is span as OTLP's exporters send it.
func transformed(t testing.TB, span sdktrace.ReadOnlySpan) *tracepb.ResourceSpans {
	t.Helper()
	var sent protoCollector
	err := otlptrace.NewUnstarted(&sent).ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{span})
	if err != nil || len(sent.spans) != 1 {
		t.Fatalf("%d resources are exported, error %v", len(sent.spans), err)
	}
	return sent.spans[0]
}

// protoCollector is an otlptrace.Client that keeps what it is given to upload.
type protoCollector struct{ spans []*tracepb.ResourceSpans }

func (c *protoCollector) Start(context.Context) error { return nil }
func (c *protoCollector) Stop(context.Context) error  { return nil }
func (c *protoCollector) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	c.spans = spans
	return nil
}

// FuzzOTLPJSON: each line is printable ASCII, and protobuf's own decoder finds in it what the exporters send. One
// encoder writes spans of changing resources and scopes.
func FuzzOTLPJSON(f *testing.F) {
	texts := []string{
		"", "Connection timeout", "\"\\\n\x00\x1b[31m <a> & ü\u2028🙈", "cut caf\xc3", "\xff\xfe\xfd", `"traceId":"00"`,
	}
	for seed := range uint64(300) {
		f.Add(seed, texts[seed%uint64(len(texts))])
	}
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		random := randomSpans{rand.New(rand.NewPCG(seed, 0)), text}
		var encoder otlpEncoder
		resources, scopes := []*resource.Resource{random.resource(), random.resource()}, []instrumentation.Scope{
			random.scope(), random.scope(),
		}
		for range 4 {
			stub := random.stub()
			stub.Resource, stub.InstrumentationScope = resources[random.IntN(2)], scopes[random.IntN(2)]
			shown, _ := presentableSpan(stub.Snapshot(), nil)
			line := encoder.appendSpan(nil, shown)
			for _, c := range line[:len(line)-1] {
				if c < ' ' || c > '~' {
					t.Fatalf("%#x is in %q", c, line)
				}
			}
			traces := new(tracepb.TracesData)
			if err := protojson.Unmarshal(base64IDs(line), traces); err != nil || len(traces.GetResourceSpans()) != 1 {
				t.Fatalf("%v in %s", err, line)
			}
			stub = tracetest.SpanStubFromReadOnlySpan(shown)
			stub.Resource = validResource(stub.Resource)
			if got, want := traces.GetResourceSpans()[0], transformed(t, stub.Snapshot()); !proto.Equal(got, want) {
				t.Errorf("%s is\n%s\nwant\n%s", line, protojson.Format(got), protojson.Format(want))
			}
		}
	})
}

// randomSpans makes spans that use all of what a span can hold, and text in all places.
type randomSpans struct {
	*rand.Rand
	text string
}

func (r randomSpans) some() string { return r.text[r.IntN(len(r.text)+1):] }

func (r randomSpans) number() int64 {
	return []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxUint32, math.MaxUint32 + 1, r.Int64()}[r.IntN(8)]
}

func (r randomSpans) float() float64 {
	return []float64{
		0, 2, 0.1, 1e300, 1e-300, 1 << 53, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1),
		math.Float64frombits(r.Uint64()),
	}[r.IntN(11)]
}

func several[T any](r randomSpans, one func() T) (list []T) {
	for range r.IntN(4) {
		list = append(list, one())
	}
	return list
}

func (r randomSpans) value(depth int) attribute.Value {
	deeper := func() attribute.Value { return r.value(depth + 1) }
	kinds := 11
	if depth > 3 {
		kinds = 9
	}
	switch r.IntN(kinds) {
	case 0:
		return attribute.StringValue(r.some())
	case 1:
		return attribute.Int64Value(r.number())
	case 2:
		return attribute.Float64Value(r.float())
	case 3:
		return attribute.BoolValue(r.IntN(2) == 0)
	case 4:
		return attribute.ByteSliceValue([]byte(r.some()))
	case 5:
		return attribute.StringSliceValue(several(r, r.some))
	case 6:
		return attribute.Int64SliceValue(several(r, r.number))
	case 7:
		return attribute.Float64SliceValue(several(r, r.float))
	case 8:
		return attribute.BoolSliceValue(several(r, func() bool { return r.IntN(2) == 0 }))
	case 9:
		return attribute.SliceValue(append(several(r, deeper), attribute.Value{})...)
	default:
		return attribute.MapValue(several(r, func() attribute.KeyValue {
			return attribute.KeyValue{Key: attribute.Key("k" + r.some()), Value: deeper()}
		})...)
	}
}

func (r randomSpans) attributes() []attribute.KeyValue {
	list := several(r, func() attribute.KeyValue {
		return attribute.KeyValue{Key: attribute.Key(r.some()), Value: r.value(0)}
	})
	if r.IntN(4) == 0 {
		list = append(list, attribute.KeyValue{Key: "nothing"})
	}
	return list
}

func (r randomSpans) resource() *resource.Resource {
	return resource.NewWithAttributes(r.some(), r.attributes()...)
}

func (r randomSpans) scope() instrumentation.Scope {
	return instrumentation.Scope{
		Name: semconv.ScopeName, Version: r.some(), SchemaURL: r.some(),
		Attributes: attribute.NewSet(r.attributes()...),
	}
}

// context is one without a span sometimes, as that of the parent of a root span is.
func (r randomSpans) context() trace.SpanContext {
	if r.IntN(4) == 0 {
		return trace.SpanContext{}
	}
	state, _ := trace.ParseTraceState([]string{"", "vendor=1", "a=x~!,b=y"}[r.IntN(3)])
	c := trace.SpanContextConfig{TraceFlags: trace.TraceFlags(r.UintN(256)), TraceState: state, Remote: r.IntN(2) == 0}
	for i := range c.TraceID {
		c.TraceID[i] = byte(r.UintN(256))
	}
	for i := range c.SpanID {
		c.SpanID[i] = byte(r.UintN(256))
	}
	return trace.NewSpanContext(c)
}

func (r randomSpans) time() time.Time { return time.Unix(0, r.number()) }

func (r randomSpans) stub() tracetest.SpanStub {
	return tracetest.SpanStub{
		Name: r.some(), SpanContext: r.context(), Parent: r.context(), SpanKind: trace.SpanKind(r.IntN(7)),
		StartTime: r.time(), EndTime: r.time(), Attributes: r.attributes(),
		Events: several(r, func() sdktrace.Event {
			return sdktrace.Event{
				Name: r.some(), Time: r.time(), Attributes: r.attributes(), DroppedAttributeCount: int(r.number()),
			}
		}),
		Links: several(r, func() sdktrace.Link {
			return sdktrace.Link{
				SpanContext: r.context(), Attributes: r.attributes(), DroppedAttributeCount: int(r.number()),
			}
		}),
		Status:            sdktrace.Status{Code: codes.Code(r.IntN(4)), Description: r.some()},
		DroppedAttributes: int(r.number()), DroppedEvents: int(r.number()), DroppedLinks: int(r.number()),
	}
}

// A span of ours takes its line from the memory of the one before.
func TestALineOfTheTraceFileAllocatesNothing(t *testing.T) {
	file, err := NewTraceFile(filepath.Join(t.TempDir(), "trace.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, ours := spansOf(t.Context())
	if n := testing.AllocsPerRun(100, func() { file.OnEnd(ours.ended) }); n != 0 {
		t.Errorf("%v allocations a span, want 0", n)
	}
	// A long line is not kept.
	long := tracetest.SpanStubFromReadOnlySpan(ours.ended)
	long.Status.Description = strings.Repeat("long ", keptLine)
	file.OnEnd(long.Snapshot())
	if n := cap(file.line); n > keptLine {
		t.Errorf("%d bytes are kept, want at most %d", n, keptLine)
	}
	if err := file.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
