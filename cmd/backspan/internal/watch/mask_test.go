package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/redact"
)

const leak = "dial postgres://u:hunter2@h"

// Every text of a report that tells of a failure is masked. What later commands read is not, nor is the report of
// the caller.
func TestReport(t *testing.T) {
	result := json.RawMessage(`"` + leak + `"`)
	report := orchestrator.Report{
		SessionID: "run", Pipeline: "nightly", Status: orchestrator.Failed, Reason: leak,
		Phases: []orchestrator.PhaseResult{
			{
				Phase: "load", Error: leak, Reason: leak, Result: result,
				Recovery: &orchestrator.Recovery{
					Message:  leak,
					Attempts: []orchestrator.RecoveryAttempt{{Attempt: 1, Error: leak}, {Attempt: 2, Result: result}},
				},
				Fallback: &orchestrator.Fallback{Error: leak, Result: result},
			},
			{Phase: "save", Status: orchestrator.Success},
		},
	}
	before, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	w := &Watch{Recording: &Recording{mask: redact.Secrets}}
	masked, err := json.Marshal(w.Report(report))
	if err != nil {
		t.Fatal(err)
	}
	const shown = "dial postgres://u:***@h"
	want := strings.ReplaceAll(string(before), leak, shown)
	want = strings.ReplaceAll(want, `"result":"`+shown, `"result":"`+leak)
	if string(masked) != want {
		t.Errorf("got\n%s, want\n%s", masked, want)
	}
	if after, err := json.Marshal(report); err != nil || string(after) != string(before) {
		t.Errorf("the report itself was changed: %s (%v)", after, err)
	}
}

func TestErr(t *testing.T) {
	w := &Watch{Recording: &Recording{mask: redact.Secrets}}
	if err := w.Err(nil); err != nil {
		t.Errorf("of nil: %v", err)
	}
	err := w.Err(fmt.Errorf("%s: %w", leak, fs.ErrPermission))
	if !errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "hunter2") ||
		!strings.Contains(err.Error(), "***") {
		t.Errorf("got %v", err)
	}
}

// A span that runs was not masked by telemetry. Ids and fixed words stay, whatever the mask.
func TestMaskOpen(t *testing.T) {
	attributes := func(text string) []attribute.KeyValue {
		return []attribute.KeyValue{
			semconv.KindKey.String("words"), semconv.ReasonKey.String(text), attribute.Int("n", 1),
		}
	}
	span := func(text, name, kind string, end time.Time) session.Span {
		return session.Span{
			Kind: kind, Name: name, End: end, StatusText: text, Attributes: attributes(text),
			Events: []session.Event{{Name: semconv.ScheduledEvent, Attributes: attributes(text)}},
		}
	}
	ended := time.Unix(1, 0)
	recorded := []session.Span{
		span("words", "words", semconv.KindOperation, time.Time{}),
		span("words", "words", semconv.KindAttempt, time.Time{}),
		span("words", "words", semconv.KindOperation, ended),
	}
	want := []session.Span{
		span("***", "***", semconv.KindOperation, time.Time{}),
		span("***", "words", semconv.KindAttempt, time.Time{}),
		span("words", "words", semconv.KindOperation, ended),
	}
	shared := recorded[0].Attributes
	maskOpen(recorded, func(text string) string { return strings.ReplaceAll(text, "words", "***") })
	if !reflect.DeepEqual(recorded, want) {
		t.Errorf("got\n%+v, want\n%+v", recorded, want)
	}
	if shared[1].Value.AsString() != "words" {
		t.Error("the attributes of the span itself were changed")
	}
}
