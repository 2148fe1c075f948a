package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("Connection refused") //nolint:staticcheck // the guide's own words

const (
	success   = orchestrator.Success
	failed    = orchestrator.Failed
	skipped   = orchestrator.Skipped
	cancelled = orchestrator.Cancelled
)

var recovering = orchestrator.Options{EnableRecovery: true}

// ok is a phase function that succeeds with result.
func ok(result any) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) { return result, nil }
}

// fails is a phase function that always fails with err.
func fails(err error) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) { return nil, err }
}

// flaky is a phase function that fails with err n times and then succeeds as in the guide.
func flaky(n int, err error) orchestrator.PhaseFunc {
	return func(_ context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt < n {
			return nil, err
		}
		return map[string]string{"status": "success"}, nil
	}
}

// work is a phase function that takes d and heeds its context.
func work(d time.Duration) orchestrator.PhaseFunc {
	return func(ctx context.Context, _ orchestrator.Input) (any, error) {
		select {
		case <-time.After(d):
			return d.String(), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func pipeline(phases ...orchestrator.Phase) orchestrator.Pipeline {
	return orchestrator.Pipeline{Name: "nightly", Phases: phases}
}

// statuses is the report in a line: "a=success b=failed".
func statuses(r orchestrator.Report) string {
	var list []string
	for _, p := range r.Phases {
		list = append(list, fmt.Sprintf("%s=%s", p.Phase, p.Status))
	}
	return strings.Join(list, " ")
}

// phaseOf returns the result of the named phase.
func phaseOf(t *testing.T, r orchestrator.Report, name string) orchestrator.PhaseResult {
	t.Helper()
	result, found := r.Phase(name)
	if !found {
		t.Fatalf("the report has no phase %q", name)
	}
	return result
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got == want {
		return
	}
	// Of long texts, only where they part.
	g, w := fmt.Sprint(got), fmt.Sprint(want)
	from := 0
	for from < min(len(g), len(w)) && g[from] == w[from] {
		from++
	}
	if from = max(0, from-100); from > 0 {
		g, w = "…"+g[from:min(len(g), from+300)], "…"+w[from:min(len(w), from+300)]
	}
	t.Errorf("%s:\ngot  %s\nwant %s", what, g, w)
}

// A tree prints recorded spans with all that a test may want to compare: indented by parent, in the order of their
// starts, with offset and length, status, attributes and events.
type tree struct {
	children map[trace.SpanID][]sdktrace.ReadOnlySpan
	zero     time.Time
	b        strings.Builder
}

func spanTree(rec *retrytest.Recorder) string { return treeOf(rec.Spans()) }

func treeOf(spans []sdktrace.ReadOnlySpan) string {
	known := map[trace.SpanID]bool{}
	for _, s := range spans {
		known[s.SpanContext().SpanID()] = true
	}
	t := tree{children: map[trace.SpanID][]sdktrace.ReadOnlySpan{}}
	for _, s := range spans {
		parent := s.Parent().SpanID()
		if !known[parent] { // the recorder's own, which has not ended
			parent = trace.SpanID{}
		}
		t.children[parent] = append(t.children[parent], s)
		if t.zero.IsZero() || s.StartTime().Before(t.zero) {
			t.zero = s.StartTime()
		}
	}
	t.print(trace.SpanID{}, "")
	return t.b.String()
}

func (t *tree) print(parent trace.SpanID, indent string) {
	list := t.children[parent]
	slices.SortStableFunc(list, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	for _, s := range list {
		fmt.Fprintf(&t.b, "%s%s %v+%v", indent, s.Name(), s.StartTime().Sub(t.zero), s.EndTime().Sub(s.StartTime()))
		switch s.Status().Code {
		case codes.Error:
			fmt.Fprintf(&t.b, " ERROR %q", s.Status().Description)
		case codes.Ok:
			t.b.WriteString(" OK")
		}
		for _, kv := range s.Attributes() {
			if kv.Key != semconv.SessionIDKey {
				fmt.Fprintf(&t.b, " %s=%s", kv.Key, kv.Value.String())
			}
		}
		t.b.WriteByte('\n')
		for _, e := range s.Events() {
			fmt.Fprintf(&t.b, "%s  * %s %v", indent, e.Name, e.Time.Sub(t.zero))
			for _, kv := range e.Attributes {
				fmt.Fprintf(&t.b, " %s=%s", kv.Key, strings.SplitN(kv.Value.String(), "\n", 2)[0])
			}
			t.b.WriteByte('\n')
		}
		t.print(s.SpanContext().SpanID(), indent+"  ")
	}
}
