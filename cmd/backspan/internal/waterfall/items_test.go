package waterfall

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/semconv"
)

// Of what is folded away nothing is found out that only drawing it needs.
func TestFoldedRowsAreNotDrawn(t *testing.T) {
	var spans []session.Span
	for i := range 1000 {
		id := trace.SpanID{1, byte(i >> 8), byte(i)}
		operation := session.Span{Kind: semconv.KindOperation, Name: "get", TraceID: trace.TraceID{1}, SpanID: id}
		operation.Start = time.Unix(int64(i), 0)
		operation.End = operation.Start.Add(time.Second)
		try := operation
		try.Kind, try.SpanID, try.ParentID, try.Status = semconv.KindAttempt, trace.SpanID{
			2, id[1], id[2],
		}, id, codes.Error
		second := try
		second.SpanID[0] = 3
		spans = append(spans, operation, try, second)
	}
	items := itemsOf(session.New(spans).Roots)
	all := slices.Collect(func(yield func(*item) bool) {
		for _, it := range rows(items) {
			if !yield(it) {
				return
			}
		}
	})
	shown := fold(items, defaultRows)
	for _, it := range rows(shown) {
		it.looks()
	}
	drawn := 0
	for _, it := range all {
		if it.look != nil {
			drawn++
		}
	}
	if len(all) != len(spans) || drawn == 0 || drawn > defaultRows {
		t.Errorf("of %d rows %d are drawn, want some, and %d at most", len(all), drawn, defaultRows)
	}
}

// A failure is left out of a row only when a row below shows the same one.
func TestWraps(t *testing.T) {
	failed := func(kind, class, text string) *session.Node {
		s := &session.Span{Kind: kind, Status: codes.Error, StatusText: text}
		if class != "" {
			s.Attributes = append(s.Attributes, semconv.ErrorTypeKey.String(class))
		}
		return &session.Node{Span: s}
	}
	for _, c := range []struct {
		name, outer, class, inner, kind string
		want                            bool
	}{
		{"the same", "EOF", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{"wrapped", "loading: EOF", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{
			"with the first failure", "gave up after 2 attempts: EOF (first: reset)",
			"*errors.errorString", "EOF", semconv.KindOperation, true,
		},
		{
			"the first failure", "gave up after 2 attempts: reset (first: EOF)",
			"*errors.errorString", "EOF", semconv.KindOperation, true,
		},
		{"a later one of several", "unexpected EOF; b: EOF", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{"a part of another", "unexpected EOF", "*errors.errorString", "EOF", semconv.KindOperation, false},
		{
			"the beginning of another", "row 7: not a number", "*errors.errorString", "row 7",
			semconv.KindOperation, false,
		},
		{"another class", "loading: 503", "timeout", "503", semconv.KindOperation, false},
		{"no class", "loading: 503", "", "503", semconv.KindOperation, false},
		{"no class, of other instrumentation", "loading: 503", "", "503", "", true},
		{"no text", "loading: 503", "*errors.errorString", "", semconv.KindOperation, false},
	} {
		inner := failed(c.kind, c.class, c.inner)
		if c.inner == "" {
			inner.Attributes = nil
		}
		if got := wraps(failed(semconv.KindPhase, "*errors.errorString", c.outer), inner); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
