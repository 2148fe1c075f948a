package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"math"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// appendOTLP appends span to line as a {"resourceSpans":[…]} object in OTLP's JSON, with a newline.
//
// protojson cannot write it: it encodes trace and span ids in base64, and OTLP demands hexadecimal; and it puts
// in blanks at random.
func appendOTLP(line []byte, span sdktrace.ReadOnlySpan) ([]byte, error) {
	var collected protoCollector
	// The way from an SDK span to OTLP's message is the exporters' own; this is its only public door.
	err := otlptrace.NewUnstarted(&collected).ExportSpans(context.Background(), []sdktrace.ReadOnlySpan{span})
	if err != nil {
		return line, err
	}
	out := bytes.NewBuffer(line)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(jsonTraces{listOf(collected.spans, newResourceSpans)})
	return out.Bytes(), err
}

// protoCollector is an otlptrace.Client that keeps what it is given to upload.
type protoCollector struct{ spans []*tracepb.ResourceSpans }

func (c *protoCollector) Start(context.Context) error { return nil }
func (c *protoCollector) Stop(context.Context) error  { return nil }
func (c *protoCollector) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	c.spans = spans
	return nil
}

// The messages of OTLP as JSON. 64-bit numbers are strings there and enums are numbers.
type (
	jsonTraces struct {
		ResourceSpans []jsonResourceSpans `json:"resourceSpans"`
	}
	jsonResourceSpans struct {
		Resource   jsonResource     `json:"resource"`
		ScopeSpans []jsonScopeSpans `json:"scopeSpans"`
		SchemaURL  string           `json:"schemaUrl,omitempty"`
	}
	jsonResource struct {
		Attributes []jsonKeyValue `json:"attributes,omitempty"`
		Dropped    uint32         `json:"droppedAttributesCount,omitempty"`
	}
	jsonScopeSpans struct {
		Scope     jsonScope  `json:"scope"`
		Spans     []jsonSpan `json:"spans"`
		SchemaURL string     `json:"schemaUrl,omitempty"`
	}
	jsonScope struct {
		Name       string         `json:"name,omitempty"`
		Version    string         `json:"version,omitempty"`
		Attributes []jsonKeyValue `json:"attributes,omitempty"`
		Dropped    uint32         `json:"droppedAttributesCount,omitempty"`
	}
	jsonSpan struct {
		TraceID           string         `json:"traceId"`
		SpanID            string         `json:"spanId"`
		TraceState        string         `json:"traceState,omitempty"`
		ParentSpanID      string         `json:"parentSpanId,omitempty"`
		Flags             uint32         `json:"flags,omitempty"`
		Name              string         `json:"name"`
		Kind              int32          `json:"kind,omitempty"`
		Start             uint64         `json:"startTimeUnixNano,string"`
		End               uint64         `json:"endTimeUnixNano,string"`
		Attributes        []jsonKeyValue `json:"attributes,omitempty"`
		DroppedAttributes uint32         `json:"droppedAttributesCount,omitempty"`
		Events            []jsonEvent    `json:"events,omitempty"`
		DroppedEvents     uint32         `json:"droppedEventsCount,omitempty"`
		Links             []jsonLink     `json:"links,omitempty"`
		DroppedLinks      uint32         `json:"droppedLinksCount,omitempty"`
		Status            jsonStatus     `json:"status"`
	}
	jsonEvent struct {
		Time       uint64         `json:"timeUnixNano,string"`
		Name       string         `json:"name"`
		Attributes []jsonKeyValue `json:"attributes,omitempty"`
		Dropped    uint32         `json:"droppedAttributesCount,omitempty"`
	}
	jsonLink struct {
		TraceID    string         `json:"traceId"`
		SpanID     string         `json:"spanId"`
		TraceState string         `json:"traceState,omitempty"`
		Attributes []jsonKeyValue `json:"attributes,omitempty"`
		Dropped    uint32         `json:"droppedAttributesCount,omitempty"`
		Flags      uint32         `json:"flags,omitempty"`
	}
	jsonStatus struct {
		Message string `json:"message,omitempty"`
		Code    int32  `json:"code,omitempty"`
	}
	jsonKeyValue struct {
		Key   string    `json:"key"`
		Value jsonValue `json:"value"`
	}
	jsonValue struct {
		String *string        `json:"stringValue,omitempty"`
		Bool   *bool          `json:"boolValue,omitempty"`
		Int    *int64         `json:"intValue,omitempty,string"`
		Double any            `json:"doubleValue,omitempty"`
		Bytes  []byte         `json:"bytesValue,omitzero"`
		Array  *jsonArray     `json:"arrayValue,omitempty"`
		Map    *jsonKeyValues `json:"kvlistValue,omitempty"`
	}
	jsonArray struct {
		Values []jsonValue `json:"values,omitempty"`
	}
	jsonKeyValues struct {
		Values []jsonKeyValue `json:"values,omitempty"`
	}
)

func listOf[P, J any](list []P, convert func(P) J) []J {
	out := make([]J, len(list))
	for i, p := range list {
		out[i] = convert(p)
	}
	return out
}

func newResourceSpans(p *tracepb.ResourceSpans) jsonResourceSpans {
	return jsonResourceSpans{
		Resource: jsonResource{
			Attributes: listOf(p.GetResource().GetAttributes(), newKeyValue),
			Dropped:    p.GetResource().GetDroppedAttributesCount(),
		},
		ScopeSpans: listOf(p.GetScopeSpans(), newScopeSpans),
		SchemaURL:  p.GetSchemaUrl(),
	}
}

func newScopeSpans(p *tracepb.ScopeSpans) jsonScopeSpans {
	scope := p.GetScope()
	return jsonScopeSpans{
		Scope: jsonScope{
			Name:       scope.GetName(),
			Version:    scope.GetVersion(),
			Attributes: listOf(scope.GetAttributes(), newKeyValue),
			Dropped:    scope.GetDroppedAttributesCount(),
		},
		Spans:     listOf(p.GetSpans(), newSpan),
		SchemaURL: p.GetSchemaUrl(),
	}
}

func newSpan(p *tracepb.Span) jsonSpan {
	return jsonSpan{
		TraceID:           hex.EncodeToString(p.GetTraceId()),
		SpanID:            hex.EncodeToString(p.GetSpanId()),
		TraceState:        p.GetTraceState(),
		ParentSpanID:      hex.EncodeToString(p.GetParentSpanId()),
		Flags:             p.GetFlags(),
		Name:              p.GetName(),
		Kind:              int32(p.GetKind()),
		Start:             p.GetStartTimeUnixNano(),
		End:               p.GetEndTimeUnixNano(),
		Attributes:        listOf(p.GetAttributes(), newKeyValue),
		DroppedAttributes: p.GetDroppedAttributesCount(),
		Events:            listOf(p.GetEvents(), newEvent),
		DroppedEvents:     p.GetDroppedEventsCount(),
		Links:             listOf(p.GetLinks(), newLink),
		DroppedLinks:      p.GetDroppedLinksCount(),
		Status:            jsonStatus{Message: p.GetStatus().GetMessage(), Code: int32(p.GetStatus().GetCode())},
	}
}

func newEvent(p *tracepb.Span_Event) jsonEvent {
	return jsonEvent{
		Time:       p.GetTimeUnixNano(),
		Name:       p.GetName(),
		Attributes: listOf(p.GetAttributes(), newKeyValue),
		Dropped:    p.GetDroppedAttributesCount(),
	}
}

func newLink(p *tracepb.Span_Link) jsonLink {
	return jsonLink{
		TraceID:    hex.EncodeToString(p.GetTraceId()),
		SpanID:     hex.EncodeToString(p.GetSpanId()),
		TraceState: p.GetTraceState(),
		Attributes: listOf(p.GetAttributes(), newKeyValue),
		Dropped:    p.GetDroppedAttributesCount(),
		Flags:      p.GetFlags(),
	}
}

func newKeyValue(p *commonpb.KeyValue) jsonKeyValue {
	return jsonKeyValue{Key: p.GetKey(), Value: newValue(p.GetValue())}
}

func newValue(p *commonpb.AnyValue) (v jsonValue) {
	switch value := p.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		v.String = &value.StringValue
	case *commonpb.AnyValue_BoolValue:
		v.Bool = &value.BoolValue
	case *commonpb.AnyValue_IntValue:
		v.Int = &value.IntValue
	case *commonpb.AnyValue_DoubleValue:
		v.Double = newDouble(value.DoubleValue)
	case *commonpb.AnyValue_BytesValue:
		v.Bytes = append([]byte{}, value.BytesValue...) // not nil: empty bytes are a value too
	case *commonpb.AnyValue_ArrayValue:
		v.Array = &jsonArray{listOf(value.ArrayValue.GetValues(), newValue)}
	case *commonpb.AnyValue_KvlistValue:
		v.Map = &jsonKeyValues{listOf(value.KvlistValue.GetValues(), newKeyValue)}
	}
	return v
}

// newDouble gives the numbers that JSON lacks the names that protobuf's JSON has for them.
func newDouble(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	default:
		return f
	}
}
