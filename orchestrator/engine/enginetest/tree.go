package enginetest

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// Tree describes spans, one a line, children indented below their parent: name, status, attributes and events, but
// neither ids nor times. Siblings are in the order of their lines: engines differ in the times of spans. A span whose
// parent is not among the spans is a root.
func Tree(spans []sdktrace.ReadOnlySpan) string {
	children, known := map[trace.SpanID][]sdktrace.ReadOnlySpan{}, map[trace.SpanID]bool{}
	for _, s := range spans {
		known[s.SpanContext().SpanID()] = true
	}
	for _, s := range spans {
		parent := s.Parent().SpanID()
		if !known[parent] {
			parent = trace.SpanID{}
		}
		children[parent] = append(children[parent], s)
	}
	var below func(parent trace.SpanID, indent string) string
	below = func(parent trace.SpanID, indent string) string {
		var texts []string
		for _, s := range children[parent] {
			texts = append(texts, line(s, indent)+below(s.SpanContext().SpanID(), indent+"  "))
		}
		slices.Sort(texts)
		return strings.Join(texts, "")
	}
	return below(trace.SpanID{}, "")
}

func line(s sdktrace.ReadOnlySpan, indent string) string {
	text := fmt.Sprintf("%s%s [%s] %v %q%s\n",
		indent, s.Name(), s.InstrumentationScope().Name, s.Status().Code, s.Status().Description, pairs(s.Attributes()))
	for _, e := range s.Events() {
		text += fmt.Sprintf("%s  * %s%s\n", indent, e.Name, pairs(e.Attributes))
	}
	return text
}

// pairs are attributes by their keys. A stack is that of an engine, and differs.
func pairs(list []attribute.KeyValue) string {
	var texts []string
	for _, kv := range list {
		if kv.Key != semconv.ExceptionStacktraceKey {
			texts = append(texts, fmt.Sprintf(" %s=%q", kv.Key, kv.Value.String()))
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, "")
}
