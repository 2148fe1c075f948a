package drawn

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"

	"github.com/backspan/backspan/cmd/backspan/internal/session"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
)

// testdata/trace.json is a trace file of a run of the demo, and testdata/trace-100.txt what a Recorder showed of that
// run.
func TestReadTraceFileShowsTheSameAsARecorder(t *testing.T) {
	f, err := os.Open("testdata/trace.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	spans, left, err := session.ReadTraceFile(f)
	if err != nil || left != (session.LeftOut{}) {
		t.Fatalf("left out: %+v, error %v; want none", left, err)
	}
	golden(t, "trace-100.txt", []byte(render(t, spans, waterfall.Options{Width: 100})))
}

const oneSpan = `{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"name":"s"},"spans":[` +
	`{"traceId":"000000000000000000000000000000aB","spanId":"00000000000000cD","parentSpanId":"00000000000000ef",` +
	`"name":"load","kind":1,"startTimeUnixNano":"1795456407892844704","endTimeUnixNano":1795456407893715884,` +
	`"attributes":[{"key":"backspan.kind","value":{"stringValue":"operation"}},` +
	`{"key":"i","value":{"intValue":"42"}},{"key":"j","value":{"intValue":42}},` +
	`{"key":"f","value":{"doubleValue":0.5}},{"key":"inf","value":{"doubleValue":"Infinity"}},` +
	`{"key":"b","value":{"boolValue":true}},{"key":"bytes","value":{"bytesValue":"aGk="}},` +
	`{"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"}]}}},` +
	`{"key":"map","value":{"kvlistValue":{"values":[]}}},` +
	`{"key":"none","value":{}},{"key":"bad","value":{"intValue":"x"}}],` +
	`"events":[{"timeUnixNano":"1795456407892844704","name":"retry.scheduled","attributes":[{"key":"a","value":{"stringValue":"v"}}]}],` +
	`"status":{"code":2,"message":"no"},"unknown":{"deep":[1]}}]}]}]}`

func TestReadTraceFileReadsASpan(t *testing.T) {
	spans, left, err := session.ReadTraceFile(strings.NewReader(oneSpan))
	if err != nil || left != (session.LeftOut{}) || len(spans) != 1 {
		t.Fatalf("got %d spans, %+v, %v", len(spans), left, err)
	}
	got := spans[0]
	if got.TraceID != idOf[trace.TraceID](0xab) || got.SpanID != idOf[trace.SpanID](0xcd) ||
		got.ParentID != idOf[trace.SpanID](0xef) ||
		got.Name != "load" || got.Kind != semconv.KindOperation ||
		got.Status != codes.Error || got.StatusText != "no" {
		t.Errorf("got %+v", got)
	}
	start, end := time.Unix(0, 1795456407892844704), time.Unix(0, 1795456407893715884)
	if !got.Start.Equal(start) || !got.End.Equal(end) {
		t.Errorf("from %v to %v, want %v to %v", got.Start, got.End, start, end)
	}
	want := []attribute.KeyValue{
		semconv.KindKey.String("operation"), attribute.Int("i", 42), attribute.Int("j", 42),
		attribute.Float64("f", 0.5), attribute.Float64("inf", math.Inf(1)), attribute.Bool("b", true),
		attribute.String("bytes", "aGk="), attribute.String("list", `{"values":[{"intValue":"1"}]}`),
		attribute.String("map", `{"values":[]}`),
		{Key: "none"},
		{Key: "bad"},
	}
	if !reflect.DeepEqual(got.Attributes, want) {
		t.Errorf("the attributes are\n%v, want\n%v", got.Attributes, want)
	}
	wantEvents := []session.Event{{
		Name: "retry.scheduled", Time: start.UTC(), Attributes: []attribute.KeyValue{attribute.String("a", "v")},
	}}
	if !reflect.DeepEqual(got.Events, wantEvents) {
		t.Errorf("the events are %v, want %v", got.Events, wantEvents)
	}
}

func TestReadTraceFileIsTolerant(t *testing.T) {
	with := func(from, to string) string { return strings.Replace(oneSpan, from, to, 1) }
	for _, c := range []struct {
		name    string
		in      string
		spans   int
		skipped int
	}{
		{"empty", "", 0, 0},
		{"blank lines", "\n \n" + oneSpan + "\r\n\n", 1, 0},
		{"no newline at the end", oneSpan + "\n" + oneSpan, 2, 0},
		{"a torn end", oneSpan + "\n" + oneSpan[:len(oneSpan)/2], 1, 1},
		{"a torn line in the middle", oneSpan + "\n" + oneSpan[:300] + "\n" + oneSpan, 2, 1},
		{"other JSON", oneSpan + "\n{\"resourceMetrics\":[]}\n[1]\nnull\n", 1, 3},
		{"no spans", `{"resourceSpans":[]}`, 0, 0},
		{"no status", with(`"status":{"code":2,"message":"no"}`, `"status":null`), 1, 0},
		{"status by name", with(`"code":2`, `"code":"STATUS_CODE_ERROR"`), 1, 0},
		{"an unknown status", oneSpan + "\n" + with(`"code":2`, `"code":7`), 1, 1},
		{"a parent's id that is none", with("00000000000000ef", "hello"), 1, 0},
		{"a fault after a span", oneSpan[:len(oneSpan)-6] + "!", 1, 1},
		{"no times", with(`"startTimeUnixNano":"1795456407892844704",`, ""), 1, 0},
		{"times beyond counting", with("1795456407892844704", "18446744073709551615"), 1, 0},
		{"times that are none", oneSpan + "\n" + with(`"1795456407892844704"`, `"soon"`), 1, 1},
		{"NUL bytes", oneSpan + "\n\x00\x00\x00\n", 1, 1},
	} {
		spans, left, err := session.ReadTraceFile(strings.NewReader(c.in))
		if err != nil || len(spans) != c.spans || left != (session.LeftOut{Lines: c.skipped}) {
			t.Errorf("%s: %d spans, %+v, %v; want %d, %d and no error",
				c.name, len(spans), left, err, c.spans, c.skipped)
		}
		checkHarmless(t, c.name, render(t, spans, waterfall.Options{}), 80, false)
	}
}

func TestReadTraceFileOfSomethingElse(t *testing.T) {
	spans, left, err := session.ReadTraceFile(strings.NewReader("timestamp,name\n2026,load\n"))
	if err == nil || len(spans) != 0 || left.Lines != 2 {
		t.Fatalf("got %d spans, %+v, error %v; want 0, 2 and an error", len(spans), left, err)
	}
	got, want := err.Error(), `trace file, line 1: want a {"resourceSpans": …} object of OTLP JSON: `
	if !strings.HasPrefix(got, want) {
		t.Errorf("the error is %q, want it to begin %q", got, want)
	}
}

func TestReadTraceFileReturnsTheReadersError(t *testing.T) {
	broken := errors.New("input/output error")
	spans, _, err := session.ReadTraceFile(io.MultiReader(strings.NewReader(oneSpan+"\n"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(spans) != 1 {
		t.Errorf("got %d spans and error %v, want 1 and %v", len(spans), err, broken)
	}
}

// A line without end must not fill the memory, even if it would be right, and the lines after it are read.
func TestReadTraceFileSkipsEndlessLines(t *testing.T) {
	endless := io.MultiReader(
		strings.NewReader(`{"resourceSpans":[],"x":"`), io.LimitReader(zeros{}, 64<<20+1), strings.NewReader("\"}\n"))
	spans, left, err := session.ReadTraceFile(io.MultiReader(endless, strings.NewReader(oneSpan)))
	if err != nil || len(spans) != 1 || left.Lines != 1 {
		t.Errorf("got %d spans, %+v, %v; want 1, 1 and no error", len(spans), left, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func FuzzReadTraceFile(f *testing.F) {
	trace, err := os.ReadFile("testdata/trace.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(trace[:4000], 80)
	f.Add([]byte(oneSpan), 40)
	f.Add([]byte(strings.Replace(oneSpan, "00000000000000ef", "00000000000000cd", 1)), 20)
	f.Fuzz(func(t *testing.T, in []byte, columns int) {
		spans, _, err := session.ReadTraceFile(bytes.NewReader(in))
		if err != nil {
			return
		}
		if columns < waterfall.MinWidth || columns > 300 {
			columns = waterfall.MinWidth
		}
		checkHarmless(t, "fuzz", render(t, spans, waterfall.Options{Width: columns}), columns, false)
	})
}
