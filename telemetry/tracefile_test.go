package telemetry

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/backspan/backspan/internal/semconv"
)

// readTraces reads a trace file as OTLP's own messages; ids that are not hexadecimal fail there.
func readTraces(t testing.TB, path string) (list []*tracepb.ResourceSpans) {
	t.Helper()
	for _, line := range lines(t, path) {
		if !strings.HasPrefix(line, `{"resourceSpans":[`) {
			t.Errorf("not a resourceSpans object: %s", line)
		}
		traces := new(tracepb.TracesData)
		if err := protojson.Unmarshal(base64IDs([]byte(line)), traces); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list = append(list, traces.GetResourceSpans()...)
	}
	return list
}

func spanNames(list []*tracepb.ResourceSpans) (names []string) {
	for _, rs := range list {
		for _, ss := range rs.GetScopeSpans() {
			for _, span := range ss.GetSpans() {
				names = append(names, span.GetName())
			}
		}
	}
	return names
}

// everything sets every kind of value that a span can hold.
func everything(span trace.Span) {
	span.SetAttributes(
		attribute.String("text", "<a> & \u2028 \"b\"\n\x00 ü"),
		attribute.String("empty", ""),
		attribute.Bool("yes", true), attribute.Bool("no", false),
		attribute.Int64("most", math.MaxInt64), attribute.Int64("least", math.MinInt64), attribute.Int("zero", 0),
		attribute.Float64("float", 0.1), attribute.Float64("big", 1e300), attribute.Float64("whole", 2),
		attribute.Float64("nan", math.NaN()), attribute.Float64("up", math.Inf(1)),
		attribute.Float64("down", math.Inf(-1)),
		attribute.StringSlice("texts", []string{"a", ""}), attribute.BoolSlice("bools", []bool{true, false}),
		attribute.Int64Slice("ints", []int64{1, -1}), attribute.Float64Slice("floats", []float64{1.5}),
		attribute.StringSlice("none", nil),
		attribute.KeyValue{Key: "bytes", Value: attribute.ByteSliceValue([]byte{0, 255})},
		attribute.KeyValue{Key: "no bytes", Value: attribute.ByteSliceValue(nil)},
		attribute.KeyValue{Key: "list", Value: attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("x"))},
		attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.String("k", "v"))},
		attribute.KeyValue{Key: "nothing", Value: attribute.Value{}},
	)
	span.AddEvent(semconv.ScheduledEvent, trace.WithAttributes(semconv.AttemptKey.Int(2)))
	span.AddEvent("bare")
	state, _ := trace.ParseTraceState("vendor=1")
	span.AddLink(trace.Link{
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{0xab}, SpanID: trace.SpanID{0xcd}, TraceState: state,
			TraceFlags: trace.FlagsSampled, Remote: true,
		}),
		Attributes: []attribute.KeyValue{attribute.String("why", "because")},
	})
	span.SetStatus(codes.Error, "Connection timeout")
}

// Each line, read back, is field by field what the exporters send.
func TestTheTraceFileIsOTLP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "on the way", "trace.json")
	file, err := NewTraceFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []*tracepb.ResourceSpans
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(file), sdktrace.WithSyncer(exporterFunc(
		func(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
			for _, span := range spans {
				all = append(all, transformed(t, span))
			}
			return nil
		})))
	bare := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(file))
	tracer := tp.Tracer(semconv.ScopeName, trace.WithInstrumentationVersion("1.2.3"),
		trace.WithSchemaURL("https://example.com/s"),
		trace.WithInstrumentationAttributes(attribute.Bool("scoped", true)))
	ctx, parent := tracer.Start(t.Context(), "parent", trace.WithSpanKind(trace.SpanKindServer))
	_, other := foreign(ctx, bare, "not ours")
	other.End()
	_, child := tracer.Start(ctx, "child")
	everything(child)
	child.End()
	parent.End()
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := readTraces(t, path)
	if len(got) != 2 || len(all) != 2 {
		t.Fatalf("%d lines, want 2", len(got))
	}
	for i := range all {
		if !proto.Equal(got[i], all[i]) {
			t.Errorf("line %d is\n%s\nwant\n%s", i, protojson.Format(got[i]), protojson.Format(all[i]))
		}
	}
	// OTLP wants 64-bit numbers as strings, because some languages do not have them.
	if text := lines(t, path)[0]; !strings.Contains(text, `"intValue":"9223372036854775807"`) {
		t.Errorf("%s", text)
	}
	for path, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, error %v, want %v", path, info.Mode(), err, want)
		}
	}
}

type exporterFunc func(context.Context, []sdktrace.ReadOnlySpan) error

func (f exporterFunc) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return f(ctx, spans)
}

func (exporterFunc) Shutdown(context.Context) error { return nil }

func TestTheTraceFileHoldsOursSampledOrNot(t *testing.T) {
	for _, sampler := range []string{"always_on", "always_off"} {
		cfg := quiet(t)
		cfg.Sampler, cfg.TraceFile = sampler, filepath.Join(t.TempDir(), "trace.json")
		tel := run(t, cfg)
		tree(tel.TracerProvider())
		// The file is complete before Shutdown: a crash loses nothing.
		if got, want := spanNames(readTraces(t, cfg.TraceFile)), []string{
			"attempt 1", "data_load",
		}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", sampler, got, want)
		}
		if tel.TraceFilePath() != cfg.TraceFile {
			t.Errorf("path %q", tel.TraceFilePath())
		}
	}
}

func TestTheTraceFileIsAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.json")
	one := func(name string) {
		t.Helper()
		file, err := NewTraceFile(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(file))
		_, span := begin(t.Context(), tp, semconv.KindOperation, name)
		span.End()
		if err := tp.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	one("first")
	one("second")
	if got := spanNames(readTraces(t, path)); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("%q", got)
	}
	// A process that was killed in the middle of a line costs that line and no other.
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	one("third")
	got := lines(t, path)
	if len(got) != 3 || !strings.Contains(got[0], "first") || !strings.Contains(got[2], "third") {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

func TestTheTraceFileIsRedacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.json")
	file, err := NewTraceFile(path, func(s string) string { return strings.ReplaceAll(s, "s3cret", "***") })
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(file))
	ctx, span := begin(t.Context(), tp, semconv.KindOperation, "data_load")
	attempt(ctx, tp, "data_load", 1, semconv.ResultFailed, "token s3cret\xff refused")
	span.SetAttributes(semconv.RecoveryResultKey.String("s3cret"), attribute.StringSlice("l", []string{"s3cret"}),
		attribute.KeyValue{Key: "m", Value: attribute.MapValue(attribute.String("k", "s3cret"))},
		attribute.KeyValue{Key: "s", Value: attribute.SliceValue(attribute.StringValue("s3cret"))})
	span.AddEvent(semconv.ScheduledEvent, trace.WithAttributes(semconv.ReasonKey.String("s3cret")))
	span.AddLink(trace.Link{
		SpanContext: span.SpanContext(), Attributes: []attribute.KeyValue{attribute.String("l", "s3cret")},
	})
	span.End()
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(lines(t, path), "\n"); strings.Contains(text, "s3cret") || strings.Count(text, "***") != 7 {
		t.Errorf("%s", text)
	}
	readTraces(t, path)
}

func TestATraceFileThatCannotBeIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range append([]string{"", dir, filepath.Join(dir, "link"), filepath.Join(dir, "file", "below")},
		special(t, dir)...) {
		cfg := quiet(t)
		file, err := NewTraceFile(path, nil)
		if err == nil {
			t.Errorf("%s: %v", path, errors.Join(errors.New("no error"), file.Shutdown(t.Context())))
			continue
		}
		if path == "" {
			continue
		}
		if cfg.TraceFile = path; !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name %s", err, path)
		}
		if _, err := Start(t.Context(), cfg); err == nil { // goleak fails when something is left open
			t.Errorf("Start with %s: no error", path)
		}
	}
}

// The first span that cannot be written is reported, and the program goes on.
func TestATraceFileThatFails(t *testing.T) {
	handler := collectErrors(t)
	file, err := NewTraceFile(filepath.Join(t.TempDir(), "trace.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(file))
	if err := file.file.Close(); err != nil {
		t.Fatal(err)
	}
	operation(t.Context(), tp, "data_load")
	if errs := handler.list(); len(errs) != 1 || !errors.Is(errs[0], os.ErrClosed) {
		t.Errorf("reported %v, want %v once", errs, os.ErrClosed)
	}
	if err := tp.Shutdown(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := file.Shutdown(t.Context()); err != nil {
		t.Errorf("second Shutdown: %v", err)
	}
	operation(t.Context(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(file)), "late")
	if errs := handler.list(); len(errs) != 1 {
		t.Errorf("reported %v: spans that end after Shutdown are no error", errs)
	}
}
