package retrytest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// A test's trace is its own, also when the context comes out of another one.
var newRoot = trace.WithNewRoot()

const (
	operationKey = semconv.OperationKey
	outcomeKey   = semconv.OutcomeKey
)

// Tree describes the spans that have ended so far, one a line, children indented below their parent by two spaces and
// siblings in the order in which they started. Times are left out, so the text is the same in each run:
//
//	data_load: exhausted after 2 attempts
//	  attempt 1: retrying in 1s: connection refused
//	  attempt 2: failed: connection refused
//
// What is below a span that was not recorded, because it was started with the global tracer, is below the nearest span
// around it that was. A span that is not Backspan's shows as its name, and its error if it has one. White space in an
// error, line ends too, is one space.
func (r *Recorder) Tree() string {
	ended := r.Spans()
	children := map[trace.SpanID][]sdktrace.ReadOnlySpan{}
	known := map[trace.SpanID]bool{}
	for _, span := range ended {
		known[span.SpanContext().SpanID()] = true
	}
	for _, span := range ended {
		parent := r.parents.parent(span)
		if !known[parent] {
			parent = trace.SpanID{} // its parent is still open, the test's own span most often
		}
		children[parent] = append(children[parent], span)
	}
	var b strings.Builder
	var write func(parent trace.SpanID, depth int)
	write = func(parent trace.SpanID, depth int) {
		siblings := children[parent]
		slices.SortStableFunc(siblings, func(a, b sdktrace.ReadOnlySpan) int {
			return cmp.Or(a.StartTime().Compare(b.StartTime()), a.EndTime().Compare(b.EndTime()))
		})
		for _, span := range siblings {
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), describe(span))
			write(span.SpanContext().SpanID(), depth+1)
		}
	}
	write(trace.SpanID{}, 0)
	return b.String()
}

func describe(span sdktrace.ReadOnlySpan) string {
	s := read(span)
	switch {
	case s.isOperation():
		text := fmt.Sprintf("%s: %s", span.Name(), s.text(semconv.OutcomeKey))
		if n := s.attributes[semconv.AttemptsKey].AsInt64(); n != 1 {
			text += fmt.Sprintf(" after %d attempts", n)
		}
		return text
	case s.isAttempt():
		text := fmt.Sprintf("%s: %s", span.Name(), s.text(semconv.ResultKey))
		if s.text(semconv.ResultKey) == semconv.ResultRetrying {
			text += " in " + seconds(s.attributes[semconv.NextDelayKey].AsFloat64()).String()
		}
		return text + s.failure()
	default:
		return span.Name() + s.failure()
	}
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond)
}

// span is a recorded span with its attributes by key.
type span struct {
	sdktrace.ReadOnlySpan
	attributes map[attribute.Key]attribute.Value
}

func read(s sdktrace.ReadOnlySpan) span {
	attributes := map[attribute.Key]attribute.Value{}
	for _, kv := range s.Attributes() {
		attributes[kv.Key] = kv.Value
	}
	return span{s, attributes}
}

func (s span) text(key attribute.Key) string { return s.attributes[key].AsString() }
func (s span) isOperation() bool             { return s.text(semconv.KindKey) == semconv.KindOperation }
func (s span) isAttempt() bool               { return semconv.IsTry(s.text(semconv.KindKey)) }

func (s span) failure() string {
	if status := s.Status(); status.Code == codes.Error {
		return ": " + strings.Join(strings.Fields(status.Description), " ") // a span is one line
	}
	return ""
}
