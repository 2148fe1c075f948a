package telemetry

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/redact"
)

// A teller keeps the texts of the spans that it sees end.
type teller struct{ told []string }

func (*teller) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (*teller) Shutdown(context.Context) error                  { return nil }
func (*teller) ForceFlush(context.Context) error                { return nil }

func (w *teller) OnEnd(span sdktrace.ReadOnlySpan) {
	w.told = append(w.told, fmt.Sprint(span.Name(), span.Status(), span.Attributes(), span.Events()))
}

// leaky makes spans of ours with secrets in every kind of text, and one of other instrumentation.
func leaky(ctx context.Context, tp trace.TracerProvider) {
	ctx, span := begin(ctx, tp, semconv.KindOperation, "GET https://u:hunter2@h")
	attempt(ctx, tp, "GET https://u:hunter2@h", 1, semconv.ResultFailed, "dial postgres://u:hunter2@h, corp-17")
	span.AddEvent(semconv.ScheduledEvent, trace.WithAttributes(semconv.ReasonKey.String("token=hunter2")))
	end(span, semconv.KindOperation, "Authorization: Bearer hunter2",
		semconv.RecoveryMessageKey.String("api_key=hunter2"))
	_, other := foreign(ctx, tp, "SELECT")
	other.SetAttributes(semconv.ReasonKey.String("password=foreign1"))
	other.End()
}

func TestSecretsReachNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		redact func(string) string
		secret bool // hunter2 is there
		corp   bool // corp-17 is
	}{
		{"by default", nil, false, true},
		{"with a pattern", redact.Also(regexp.MustCompile(`corp-\d+`)), false, false},
		{"off", redact.Nothing, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			collected, processor := &collector{}, &teller{}
			cfg := quiet(t)
			cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, httpCollector(t, collected), otelenv.HTTPProtobuf
			cfg.TraceFile = filepath.Join(t.TempDir(), "trace.json")
			cfg.Processors = []sdktrace.SpanProcessor{processor}
			cfg.Redact = c.redact
			tel := run(t, cfg)
			leaky(t.Context(), tel.TracerProvider())
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			exported := fmt.Sprint(collected.spans())
			if !strings.Contains(exported, "password=foreign1") {
				t.Errorf("the text of another instrumentation was changed: %s", exported)
			}
			for place, text := range map[string]string{
				"event log":  strings.Join(lines(t, tel.EventsPath()), "\n"),
				"trace file": strings.Join(lines(t, cfg.TraceFile), "\n"),
				"processor":  strings.Join(processor.told, "\n"),
				"export":     exported,
			} {
				if !strings.Contains(text, "dial postgres://u:") {
					t.Errorf("%s: the failure is not in it: %s", place, text)
				}
				if got := strings.Contains(text, "hunter2"); got != c.secret {
					t.Errorf("%s: the secret is in it: %v, want %v: %s", place, got, c.secret, text)
				}
				if got := strings.Contains(text, "corp-17"); got != c.corp {
					t.Errorf("%s: corp-17 is in it: %v, want %v: %s", place, got, c.corp, text)
				}
			}
		})
	}
}

// A program with a provider of its own puts the pieces together itself.
func TestThePiecesMaskByDefault(t *testing.T) {
	dir := t.TempDir()
	w, err := events.Open(filepath.Join(dir, "events.jsonl"), events.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := NewTraceFile(filepath.Join(dir, "trace.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	exported := tracetest.NewInMemoryExporter()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(NewEventLog(w, "")), sdktrace.WithSpanProcessor(file),
		sdktrace.WithSyncer(NewExporter(exported, nil)))
	leaky(t.Context(), tp)
	spans := fmt.Sprintf("%+v", exported.GetSpans())
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"event log":  strings.Join(lines(t, w.Path()), "\n"),
		"trace file": strings.Join(lines(t, file.path), "\n"),
		"export":     spans,
	} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "dial postgres://u:***@h") {
			t.Errorf("%s: %s", place, text)
		}
	}
	if !strings.Contains(spans, "password=foreign1") {
		t.Errorf("the text of another instrumentation was changed: %s", spans)
	}
}

// A sink keeps what a record's line would be.
type sink struct{ lines []string }

func (s *sink) Write(r *events.Record) { s.lines = append(s.lines, fmt.Sprintf("%+v", *r)) }

func TestAnyRecordWriterGetsMaskedTexts(t *testing.T) {
	for _, c := range []struct {
		name   string
		redact func(string) string
		want   string
	}{
		{"by default", nil, "dial postgres://u:***@h, corp-17"},
		{"with a pattern", redact.Also(regexp.MustCompile(`corp-\d+`)), "dial postgres://u:***@h, ***"},
		{"off", redact.Nothing, "dial postgres://u:hunter2@h, corp-17"},
		{"it panics", func(string) string { panic("no") }, "left out"},
	} {
		got := &sink{}
		log := NewEventLog(got, "")
		log.Redact = c.redact
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(log))
		leaky(t.Context(), tp)
		if err := tp.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(got.lines, "\n")
		if !strings.Contains(text, c.want) || strings.Contains(text, "hunter2") != (c.name == "off") {
			t.Errorf("%s: want %q in %s", c.name, c.want, text)
		}
	}
}

func TestASpanWithoutASecretIsHandedOnAsItIs(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	success(t.Context(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	for _, span := range recorder.Ended() {
		if shown, other := presentableSpan(span, redact.Secrets); other || shown != span {
			t.Errorf("%s: %v was made", span.Name(), shown)
		}
	}
}

// What masking takes for the spans of an operation that succeeds at once, and for a failed attempt. The event log takes
// none of it for a success.
func BenchmarkPresentable(b *testing.B) {
	recorder := tracetest.NewSpanRecorder()
	success(b.Context(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	_, failed := spansOf(b.Context())
	for name, spans := range map[string][]sdktrace.ReadOnlySpan{
		"success": recorder.Ended(), "failure": {failed.ended},
	} {
		for how, mask := range map[string]func(string) string{"masked": redact.Secrets, "UTF-8 only": nil} {
			b.Run(name+"/"+how, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					presentable(spans, mask)
				}
			})
		}
	}
}
