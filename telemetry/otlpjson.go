package telemetry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// marshalOTLP returns span as a {"resourceSpans":[…]} object in OTLP's JSON, with a newline.
//
// protojson does not write OTLP's JSON: it encodes trace and span ids in base64, where OTLP demands hexadecimal, and
// it puts in blanks at random.
func marshalOTLP(span sdktrace.ReadOnlySpan) ([]byte, error) {
	var collected protoCollector
	// The only public function that makes OTLP's message of an SDK span is the exporter itself.
	err := otlptrace.NewUnstarted(&collected).ExportSpans(context.Background(), []sdktrace.ReadOnlySpan{span})
	if err != nil {
		return nil, err
	}
	var w otlpWriter
	w.Grow(4 << 10)
	w.scalars = json.NewEncoder(&w)
	w.scalars.SetEscapeHTML(false)
	w.message((&tracepb.TracesData{ResourceSpans: collected.spans}).ProtoReflect())
	w.WriteByte('\n')
	return w.Bytes(), nil
}

// protoCollector is an otlptrace.Client that keeps what it is given to upload.
type protoCollector struct{ spans []*tracepb.ResourceSpans }

func (c *protoCollector) Start(context.Context) error { return nil }
func (c *protoCollector) Stop(context.Context) error  { return nil }
func (c *protoCollector) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	c.spans = spans
	return nil
}

// An otlpWriter writes protobuf messages as OTLP's JSON: protobuf's own JSON, but with ids in hexadecimal and enums as
// numbers. Fields that have no value are left out.
type otlpWriter struct {
	bytes.Buffer
	scalars *json.Encoder // writes into the Buffer
}

func (w *otlpWriter) message(m protoreflect.Message) {
	open := byte('{')
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) {
			continue
		}
		w.WriteByte(open)
		open = ','
		w.quoted(field.JSONName())
		w.WriteByte(':')
		if field.IsList() {
			w.list(field, m.Get(field).List())
		} else {
			w.value(field, m.Get(field))
		}
	}
	if open == '{' {
		w.WriteByte(open)
	}
	w.WriteByte('}')
}

func (w *otlpWriter) list(field protoreflect.FieldDescriptor, list protoreflect.List) {
	open := byte('[') // a list that is there has elements
	for i := range list.Len() {
		w.WriteByte(open)
		open = ','
		w.value(field, list.Get(i))
	}
	w.WriteByte(']')
}

func (w *otlpWriter) value(field protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch field.Kind() {
	case protoreflect.MessageKind:
		w.message(v.Message())
	case protoreflect.EnumKind:
		w.Write(strconv.AppendInt(w.AvailableBuffer(), int64(v.Enum()), 10))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		w.Write(strconv.AppendUint(w.AvailableBuffer(), v.Uint(), 10))
	case protoreflect.Int64Kind:
		w.quoted(strconv.FormatInt(v.Int(), 10))
	case protoreflect.Fixed64Kind:
		w.quoted(strconv.FormatUint(v.Uint(), 10))
	case protoreflect.DoubleKind:
		if name := notInJSON[strconv.FormatFloat(v.Float(), 'g', -1, 64)]; name != "" {
			w.quoted(name)
		} else {
			w.scalar(v.Float())
		}
	case protoreflect.BytesKind:
		switch field.Name() {
		case "trace_id", "span_id", "parent_span_id":
			w.quoted(hex.EncodeToString(v.Bytes()))
		default:
			w.quoted(base64.StdEncoding.EncodeToString(v.Bytes()))
		}
	default:
		w.scalar(v.Interface())
	}
}

// notInJSON has protobuf's names of the numbers that JSON does not have, by strconv's.
var notInJSON = map[string]string{"NaN": "NaN", "+Inf": "Infinity", "-Inf": "-Infinity"}

// quoted writes text that needs no escaping.
func (w *otlpWriter) quoted(text string) {
	w.WriteByte('"')
	w.WriteString(text)
	w.WriteByte('"')
}

func (w *otlpWriter) scalar(v any) {
	_ = w.scalars.Encode(v) // of a string or a finite number, into memory: it cannot fail
	w.Truncate(w.Len() - 1) // the newline
}
