package telemetry

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/backspan/backspan/internal/jsontext"
)

// An otlpEncoder appends spans in OTLP's JSON, which is protobuf's own JSON with trace and span ids in hexadecimal and
// enums as numbers. Their texts are valid UTF-8. It takes no detour by protobuf's messages, which would be 90
// allocations a span. What it writes is what the exporters send.
//
// It is not safe for concurrent use.
type otlpEncoder struct{ around otlpAround }

// otlpAround is what stands around a span. It is kept from span to span, because it is half of a usual line and
// nearly all spans of a file are of one resource and one scope.
type otlpAround struct {
	resource      *resource.Resource
	scope         instrumentation.Scope
	before, after []byte
}

// appendSpan appends span as a {"resourceSpans":[…]} object and a newline.
func (e *otlpEncoder) appendSpan(line []byte, span sdktrace.ReadOnlySpan) []byte {
	r, scope := span.Resource(), span.InstrumentationScope()
	if e.around.before == nil || e.around.resource != r || e.around.scope != scope {
		e.around = newOTLPAround(r, scope)
	}
	line = append(line, e.around.before...)
	line = appendOTLPSpan(line, span)
	return append(line, e.around.after...)
}

func newOTLPAround(r *resource.Resource, scope instrumentation.Scope) otlpAround {
	valid := validResource(r)
	before := append([]byte(nil), `{"resourceSpans":[{"resource":{`...)
	before = appendFirstAttributes(before, valid.Attributes())
	before = append(before, `},"scopeSpans":[{"scope":{"name":`...)
	before = jsontext.AppendString(before, scope.Name)
	before = appendText(before, `,"version":`, scope.Version)
	before = appendAttributes(before, scope.Attributes.ToSlice(), 0)
	before = append(before, `},"spans":[`...)

	after := appendText([]byte{']'}, `,"schemaUrl":`, scope.SchemaURL)
	after = appendText(append(after, "}]"...), `,"schemaUrl":`, valid.SchemaURL())
	after = append(after, "}]}\n"...)
	return otlpAround{r, scope, before, after}
}

func appendOTLPSpan(line []byte, span sdktrace.ReadOnlySpan) []byte {
	self, parent := span.SpanContext(), span.Parent()
	line = appendIDs(append(line, '{'), self)
	line = appendText(line, `,"traceState":`, self.TraceState().String())
	if id := parent.SpanID(); id.IsValid() {
		line = append(line, `,"parentSpanId":"`...)
		line = append(hex.AppendEncode(line, id[:]), '"')
	}
	line = appendFlags(line, self, parent.IsRemote())
	line = jsontext.AppendString(append(line, `,"name":`...), span.Name())
	line = strconv.AppendInt(append(line, `,"kind":`...), int64(otlpKind(span.SpanKind())), 10)
	line = appendNanoseconds(append(line, `,"startTimeUnixNano":`...), span.StartTime())
	line = appendNanoseconds(append(line, `,"endTimeUnixNano":`...), span.EndTime())
	line = appendAttributes(line, span.Attributes(), span.DroppedAttributes())
	line = appendEvents(line, span.Events())
	line = appendCount(line, `,"droppedEventsCount":`, span.DroppedEvents())
	line = appendLinks(line, span.Links())
	line = appendCount(line, `,"droppedLinksCount":`, span.DroppedLinks())
	status := span.Status()
	line = strconv.AppendInt(append(line, `,"status":{"code":`...), int64(otlpStatus(status.Code)), 10)
	line = appendText(line, `,"message":`, status.Description)
	return append(line, "}}"...)
}

// appendText appends a member for a text unless it is empty.
func appendText(line []byte, member, text string) []byte {
	if text == "" {
		return line
	}
	return jsontext.AppendString(append(line, member...), text)
}

func appendIDs(line []byte, c trace.SpanContext) []byte {
	traceID, spanID := c.TraceID(), c.SpanID()
	line = hex.AppendEncode(append(line, `"traceId":"`...), traceID[:])
	line = hex.AppendEncode(append(line, `","spanId":"`...), spanID[:])
	return append(line, '"')
}

// appendFlags appends the flags of c: W3C's, and whether remote, which is of the parent or the linked span, is known
// and true.
func appendFlags(line []byte, c trace.SpanContext, remote bool) []byte {
	flags := uint64(c.TraceFlags()) | uint64(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	if remote {
		flags |= uint64(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
	}
	return strconv.AppendUint(append(line, `,"flags":`...), flags, 10)
}

// appendNanoseconds appends a time as OTLP has 64-bit numbers: as a string. Times before 1970 become 0.
func appendNanoseconds(line []byte, t time.Time) []byte {
	line = strconv.AppendInt(append(line, '"'), max(0, t.UnixNano()), 10)
	return append(line, '"')
}

// appendCount appends a member for a number unless it is 0.
func appendCount(line []byte, member string, n int) []byte {
	if n <= 0 {
		return line
	}
	return strconv.AppendInt(append(line, member...), min(int64(n), math.MaxUint32), 10)
}

func appendEvents(line []byte, events []sdktrace.Event) []byte {
	open := `,"events":[`
	for i := range events {
		line = append(append(line, open...), `{"timeUnixNano":`...)
		line = appendNanoseconds(line, events[i].Time)
		line = jsontext.AppendString(append(line, `,"name":`...), events[i].Name)
		line = appendAttributes(line, events[i].Attributes, events[i].DroppedAttributeCount)
		line = append(line, '}')
		open = ","
	}
	return appendEnd(line, len(events))
}

func appendLinks(line []byte, links []sdktrace.Link) []byte {
	open := `,"links":[`
	for i := range links {
		line = appendIDs(append(append(line, open...), '{'), links[i].SpanContext)
		line = appendAttributes(line, links[i].Attributes, links[i].DroppedAttributeCount)
		line = appendFlags(line, links[i].SpanContext, links[i].SpanContext.IsRemote())
		line = append(line, '}')
		open = ","
	}
	return appendEnd(line, len(links))
}

// appendEnd ends a list that is left out when it has no elements.
func appendEnd(line []byte, elements int) []byte {
	if elements == 0 {
		return line
	}
	return append(line, ']')
}

// appendAttributes appends the member attributes of an object that has other members before it, and how many were
// dropped.
func appendAttributes(line []byte, list []attribute.KeyValue, dropped int) []byte {
	if len(list) > 0 {
		line = appendFirstAttributes(append(line, ','), list)
	}
	return appendCount(line, `,"droppedAttributesCount":`, dropped)
}

func appendFirstAttributes(line []byte, list []attribute.KeyValue) []byte {
	return appendKeyValues(append(line, `"attributes":`...), list)
}

func appendKeyValues(line []byte, list []attribute.KeyValue) []byte {
	line = append(line, '[')
	for i := range list {
		if i > 0 {
			line = append(line, ',')
		}
		line = jsontext.AppendString(append(line, `{"key":`...), string(list[i].Key))
		line = appendValue(append(line, `,"value":`...), list[i].Value)
		line = append(line, '}')
	}
	return append(line, ']')
}

func appendValue(line []byte, v attribute.Value) []byte {
	line = append(line, '{')
	switch v.Type() {
	case attribute.STRING:
		line = jsontext.AppendString(append(line, `"stringValue":`...), v.AsString())
	case attribute.INT64:
		line = strconv.AppendInt(append(line, `"intValue":"`...), v.AsInt64(), 10)
		line = append(line, '"')
	case attribute.FLOAT64:
		line = appendDouble(append(line, `"doubleValue":`...), v.AsFloat64())
	case attribute.BOOL:
		line = strconv.AppendBool(append(line, `"boolValue":`...), v.AsBool())
	case attribute.BYTESLICE:
		line = base64.StdEncoding.AppendEncode(append(line, `"bytesValue":"`...), v.AsByteSlice())
		line = append(line, '"')
	case attribute.STRINGSLICE:
		line = appendArray(line, v.AsStringSlice(), attribute.StringValue)
	case attribute.INT64SLICE:
		line = appendArray(line, v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		line = appendArray(line, v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.BOOLSLICE:
		line = appendArray(line, v.AsBoolSlice(), attribute.BoolValue)
	case attribute.SLICE:
		line = appendArray(line, v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	case attribute.MAP:
		line = appendKeyValues(append(line, `"kvlistValue":{"values":`...), v.AsMap())
		line = append(line, '}')
	case attribute.EMPTY:
	default:
		line = append(line, `"stringValue":"INVALID"`...) // as the exporters do
	}
	return append(line, '}')
}

func appendArray[T any](line []byte, list []T, value func(T) attribute.Value) []byte {
	line = append(line, `"arrayValue":{"values":[`...)
	for i := range list {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendValue(line, value(list[i]))
	}
	return append(line, "]}"...)
}

// appendDouble appends f, or protobuf's name of it when JSON has no such number.
func appendDouble(line []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(line, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(line, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(line, `"-Infinity"`...)
	}
	return jsontext.AppendFloat(line, f)
}

func otlpKind(kind trace.SpanKind) tracepb.Span_SpanKind {
	switch kind {
	case trace.SpanKindInternal:
		return tracepb.Span_SPAN_KIND_INTERNAL
	case trace.SpanKindServer:
		return tracepb.Span_SPAN_KIND_SERVER
	case trace.SpanKindClient:
		return tracepb.Span_SPAN_KIND_CLIENT
	case trace.SpanKindProducer:
		return tracepb.Span_SPAN_KIND_PRODUCER
	case trace.SpanKindConsumer:
		return tracepb.Span_SPAN_KIND_CONSUMER
	default:
		return tracepb.Span_SPAN_KIND_UNSPECIFIED
	}
}

func otlpStatus(code codes.Code) tracepb.Status_StatusCode {
	switch code {
	case codes.Ok:
		return tracepb.Status_STATUS_CODE_OK
	case codes.Error:
		return tracepb.Status_STATUS_CODE_ERROR
	default:
		return tracepb.Status_STATUS_CODE_UNSET
	}
}
