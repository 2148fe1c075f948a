package session

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

// Errors that differ in numbers and in what wraps them are one class; an error that went up through loops counts once,
// where it happened.
func TestErrors(t *testing.T) {
	failed := func(s Span, kind, text string) Span {
		s.Status, s.StatusText = codes.Error, text
		s.Attributes = append(s.Attributes, semconv.ErrorTypeKey.String(kind))
		return s
	}
	retrying, last := semconv.ResultKey.String("retrying"), semconv.ResultKey.String("failed")
	const wrapped = "copy: gave up after 2 attempts: connection refused"
	const refused = "dial tcp 10.0.0.%d:443: connect: connection refused"
	spans := []Span{
		failed(of(semconv.KindPhase, 1, 0, 0, 100), "refused", wrapped),
		failed(of(semconv.KindAttempt, 2, 1, 0, 100, last), "refused", wrapped),
		failed(of(semconv.KindOperation, 3, 2, 0, 60, semconv.AttemptsKey.Int(2)), "refused", wrapped),
		failed(of(semconv.KindAttempt, 4, 3, 0, 10, retrying), "refused", fmt.Sprintf(refused, 1)),
		failed(of(semconv.KindAttempt, 5, 3, 30, 60, last), "refused", fmt.Sprintf(refused, 22)),
		of(semconv.KindOperation, 6, 2, 60, 90, semconv.AttemptsKey.Int(3), semconv.OutcomeKey.String("recovered")),
		failed(of(semconv.KindAttempt, 7, 6, 60, 65, retrying), "refused", "read shard 7: connect: connection refused"),
		failed(of(semconv.KindAttempt, 8, 6, 66, 68, retrying), "timeout", "connection refused"),
		of(semconv.KindAttempt, 9, 6, 80, 90),
		failed(of(semconv.KindOperation, 10, 2, 90, 100), "", "no luck"), // without attempts
	}
	spans[2].Name, spans[5].Name = "copy", "read"
	got := New(spans).Summary().Errors
	want := []Errors{
		{
			ErrorClass{"refused", "connection refused"},
			fmt.Sprintf(refused, 1), 3,
			[]string{"copy", "read"},
			1,
			Account{Lost: 45, Waiting: 21},
		},
		{
			ErrorClass{"timeout", "connection refused"},
			"connection refused", 1,
			[]string{"read"},
			0,
			Account{Lost: 2, Waiting: 12},
		},
		{ErrorClass{"", "no luck"}, "no luck", 1, []string{spans[9].Name}, 1, Account{Lost: 10}},
	}
	if len(got) != len(want) {
		t.Fatalf("%d classes, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		w.Time.Lost, w.Time.Waiting = w.Time.Lost*time.Millisecond, w.Time.Waiting*time.Millisecond
		if g, w := fmt.Sprintf("%+v", got[i]), fmt.Sprintf("%+v", w); g != w {
			t.Errorf("class %d is\n%s, want\n%s", i, g, w)
		}
	}
}

func TestSessionSaid(t *testing.T) {
	outcome := semconv.OutcomeKey.String
	run := of(semconv.KindRun, 1, 0, 0, 9, semconv.RunStatusKey.String("success"))
	gaveUp := func(n, parent uint64, o string) Span {
		s := of(semconv.KindOperation, n, parent, 0, 5, outcome(o))
		s.Status = codes.Error
		return s
	}
	recovered := of(semconv.KindOperation, 9, 1, 5, 9, outcome("recovered"))
	for _, c := range []struct {
		spans []Span
		want  string
	}{
		{[]Span{run}, "succeeded"},
		{[]Span{run, recovered}, "recovered"},
		{
			[]Span{run, recovered, gaveUp(2, 1, "exhausted"), gaveUp(3, 1, "permanent")},
			"recovered, 2 operations given up",
		},
		{[]Span{run, gaveUp(2, 1, "exhausted")}, "succeeded, 1 operation given up"},
		{[]Span{run, gaveUp(2, 1, "cancelled")}, "succeeded"},
		{[]Span{gaveUp(2, 0, "exhausted")}, "failed"},
		{[]Span{gaveUp(2, 0, "exhausted"), gaveUp(3, 0, "exhausted")}, "failed, 2 operations given up"},
	} {
		if got := New(c.spans).Said(); got != c.want {
			t.Errorf("%d spans: %q, want %q", len(c.spans), got, c.want)
		}
	}
}

// A wait is told as it was measured; what was planned is told only where it was not kept.
func TestWaitSaid(t *testing.T) {
	from := time.Now()
	for _, c := range []struct {
		w    Wait
		want string
	}{
		{Wait{From: from, To: from.Add(time.Second), Planned: time.Second}, ""},
		{Wait{From: from, To: from.Add(time.Hour), Planned: time.Second}, ""},
		{Wait{From: from, To: from.Add(time.Second), Planned: 8 * time.Second, Cut: true}, "wait of 8s cut short"},
		{Wait{From: from, To: from.Add(time.Second), Planned: 8 * time.Second, Open: true}, "wait not ended"},
	} {
		if got := c.w.Said(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.w, got, c.want)
		}
	}
}
