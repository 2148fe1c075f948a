package session

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

// maxTraceLine is how long a line of a trace file may be. Collectors put whole batches into one.
const maxTraceLine = 64 << 20

// ReadTraceFile reads spans in OTLP's JSON, as telemetry.TraceFile and the collector's file exporter write them: one
// {"resourceSpans": […]} object a line, with ids in hexadecimal. It keeps the spans of other instrumentation too.
//
// Lines that are something else are skipped and counted, as the torn end of a file is that somebody still writes. The
// error is r's, or tells that there was no line of the kind at all.
func ReadTraceFile(r io.Reader) (spans []Span, skipped int, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	good := 0
	var first error
	for number := 1; ; number++ {
		line, tooLong, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return spans, skipped, fmt.Errorf("trace file, line %d: %w", number, err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			found, bad := parseTraceLine(line)
			if tooLong {
				found, bad = nil, fmt.Errorf("it is longer than %d bytes", maxTraceLine)
			}
			if bad != nil {
				skipped++
				if first == nil {
					const want = `want a {"resourceSpans": …} object of OTLP JSON`
					first = fmt.Errorf("trace file, line %d: %s: %w", number, want, bad)
				}
			} else {
				good++
				spans = append(spans, found...)
			}
		}
		if err != nil {
			break
		}
	}
	if good == 0 && first != nil {
		return nil, skipped, first
	}
	return spans, skipped, nil
}

// readLine returns the next line, or the beginning of one that is too long.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxTraceLine; !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// The parts of OTLP's JSON that are read.
type (
	otlpTraces struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []otlpSpan `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	otlpSpan struct {
		TraceID    string         `json:"traceId"`
		SpanID     string         `json:"spanId"`
		ParentID   string         `json:"parentSpanId"`
		Name       string         `json:"name"`
		Start      otlpTime       `json:"startTimeUnixNano"`
		End        otlpTime       `json:"endTimeUnixNano"`
		Attributes []otlpKeyValue `json:"attributes"`
		Events     []struct {
			Time       otlpTime       `json:"timeUnixNano"`
			Name       string         `json:"name"`
			Attributes []otlpKeyValue `json:"attributes"`
		} `json:"events"`
		Status struct {
			Message string     `json:"message"`
			Code    otlpStatus `json:"code"`
		} `json:"status"`
	}
	otlpKeyValue struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		String *string         `json:"stringValue"`
		Bool   *bool           `json:"boolValue"`
		Int    json.RawMessage `json:"intValue"`
		Double json.RawMessage `json:"doubleValue"`
		Bytes  *string         `json:"bytesValue"`
		Array  json.RawMessage `json:"arrayValue"`
		Map    json.RawMessage `json:"kvlistValue"`
	}
)

func parseTraceLine(line []byte) ([]Span, error) {
	var traces otlpTraces
	if err := json.Unmarshal(line, &traces); err != nil {
		return nil, err
	}
	if traces.ResourceSpans == nil {
		return nil, errors.New("it has no resourceSpans")
	}
	var spans []Span
	for _, r := range traces.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for i := range s.Spans {
				spans = append(spans, s.Spans[i].span())
			}
		}
	}
	return spans, nil
}

func (s *otlpSpan) span() Span {
	span := Span{
		Name:       s.Name,
		Start:      s.Start.Time,
		End:        s.End.Time,
		Status:     codes.Code(s.Status.Code),
		StatusText: s.Status.Message,
		Attributes: attributesOf(s.Attributes),
	}
	// An id that is none leaves the span without: it is shown, without relatives.
	readID(span.TraceID[:], s.TraceID)
	readID(span.SpanID[:], s.SpanID)
	readID(span.ParentID[:], s.ParentID)
	for _, e := range s.Events {
		span.Events = append(span.Events, Event{e.Name, e.Time.Time, attributesOf(e.Attributes)})
	}
	span.Kind = span.Text(semconv.KindKey)
	return span
}

func attributesOf(list []otlpKeyValue) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, len(list))
	for _, kv := range list {
		attributes = append(attributes, attribute.KeyValue{Key: attribute.Key(kv.Key), Value: kv.Value.value()})
	}
	return attributes
}

func (v otlpValue) value() attribute.Value {
	switch {
	case v.String != nil:
		return attribute.StringValue(*v.String)
	case v.Bool != nil:
		return attribute.BoolValue(*v.Bool)
	case v.Int != nil:
		if n, err := strconv.ParseInt(bare(v.Int), 10, 64); err == nil {
			return attribute.Int64Value(n)
		}
	case v.Double != nil:
		// ParseFloat also knows the names that protobuf's JSON has for what JSON lacks: NaN, Infinity.
		if f, err := strconv.ParseFloat(bare(v.Double), 64); err == nil {
			return attribute.Float64Value(f)
		}
	case v.Bytes != nil:
		return attribute.StringValue(*v.Bytes)
	case v.Array != nil:
		return attribute.StringValue(string(v.Array))
	case v.Map != nil:
		return attribute.StringValue(string(v.Map))
	}
	return attribute.Value{}
}

// bare is a JSON number, which protobuf also writes as a string.
func bare(raw []byte) string { return strings.Trim(string(raw), `"`) }

// otlpTime is a time in nanoseconds since 1970; zero for 0 and for what is beyond the years that Go can count.
type otlpTime struct{ time.Time }

func (t *otlpTime) UnmarshalJSON(raw []byte) error {
	n, err := strconv.ParseUint(bare(raw), 10, 64)
	switch {
	case string(raw) == "null":
		return nil
	case err != nil:
		return fmt.Errorf("time %s: want nanoseconds since 1970", raw)
	case n > 0 && n <= math.MaxInt64:
		t.Time = time.Unix(0, int64(n)).UTC()
	}
	return nil
}

// otlpStatus is a status code, which JSON may hold by number or by name.
type otlpStatus codes.Code

func (c *otlpStatus) UnmarshalJSON(raw []byte) error {
	switch bare(raw) {
	case "0", "STATUS_CODE_UNSET", "null":
		*c = otlpStatus(codes.Unset)
	case "1", "STATUS_CODE_OK":
		*c = otlpStatus(codes.Ok)
	case "2", "STATUS_CODE_ERROR":
		*c = otlpStatus(codes.Error)
	default:
		return fmt.Errorf("status code %s: want 0, 1 or 2", raw)
	}
	return nil
}
