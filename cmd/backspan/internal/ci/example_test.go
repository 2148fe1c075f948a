package ci_test

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/ci"
	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// An operation whose first attempt failed; a session.Recorder has the spans.
func Example() {
	begin := time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC)
	span := func(id byte, kind, name string, from, to int) session.Span {
		return session.Span{
			Kind: kind, Name: name, SpanID: trace.SpanID{id},
			Start: begin.Add(time.Duration(from) * time.Second), End: begin.Add(time.Duration(to) * time.Second),
		}
	}
	operation := span(1, "operation", "get", 0, 4)
	first, second := span(2, "attempt", "", 0, 1), span(3, "attempt", "", 3, 4)
	first.ParentID, second.ParentID = operation.SpanID, operation.SpanID
	first.Status, first.StatusText = codes.Error, "connection refused"
	first.Attributes = []attribute.KeyValue{attribute.Float64("retry.next_delay_seconds", 2)}
	operation.Attributes = []attribute.KeyValue{attribute.String("retry.outcome", "recovered")}

	results := ci.Results{Session: session.New([]session.Span{operation, first, second})}
	for _, line := range ci.Annotations(results) {
		fmt.Println(line)
	}
	// Output:
	// ::warning title=get%3A recovered%2C 2 attempts::lost 1s, waited 2s; first error: connection refused
}
