package checkpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
	"github.com/backspan/backspan/orchestrator/engine"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		os.Exit(victim(dir))
	}
	goleak.VerifyTestMain(m)
}

const runID = "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"

var recovering = orchestrator.Options{RunID: runID, EnableRecovery: true}

// memory is a Store whose journals can be cut.
type memory struct {
	mu       sync.Mutex
	journals map[string][][]byte
	open     map[string]bool
	appended func(id string, n int) error // called before a record is appended, with how many there are
}

func newMemory(records ...[]byte) *memory {
	m := &memory{journals: map[string][][]byte{}, open: map[string]bool{}}
	if records != nil {
		m.journals[runID] = slices.Clone(records)
	}
	return m
}

func (m *memory) Open(_ context.Context, id string) (checkpoint.Journal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open[id] {
		return nil, checkpoint.ErrLocked
	}
	m.open[id] = true
	return &memoryJournal{m, id}, nil
}

func (m *memory) Remove(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.journals, id)
	return nil
}

func (m *memory) List(context.Context) iter.Seq2[checkpoint.Saved, error] {
	return func(yield func(checkpoint.Saved, error) bool) {
		for id, records := range m.journals {
			if !yield(checkpoint.Saved{ID: id, Open: m.open[id], Records: records}, nil) {
				return
			}
		}
	}
}

func (m *memory) records() [][]byte { return slices.Clone(m.journals[runID]) }

type memoryJournal struct {
	*memory
	id string
}

func (j *memoryJournal) Read() ([][]byte, error) { return slices.Clone(j.journals[j.id]), nil }

func (j *memoryJournal) Append(record []byte) error {
	if j.appended != nil {
		if err := j.appended(j.id, len(j.journals[j.id])); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.journals[j.id] = append(j.journals[j.id], slices.Clone(record))
	return nil
}

func (j *memoryJournal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.open[j.id] {
		return errors.New("closed twice")
	}
	j.open[j.id] = false
	return nil
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

// recorded returns a context whose spans are recorded, with ids as in telemetry.Start.
func recorded(ctx context.Context) (context.Context, *tracetest.SpanRecorder) {
	rec := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(engine.IDGenerator{}),
		sdktrace.WithSpanProcessor(rec))
	frame := scope.From(ctx)
	frame.Provider = provider
	return scope.With(ctx, frame), rec
}

// fields are what of a record the tests look at.
type fields struct {
	Head     *json.RawMessage
	Started  *engine.Task
	Done     *engine.Done
	Timer    *engine.Wait
	Lost     *engine.Task
	Cut      *engine.Task
	Stopped  *engine.Stop
	Recorded *string
	Finished *string
}

func parse(t *testing.T, record []byte) (f fields) {
	t.Helper()
	if err := json.Unmarshal(record, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// underWay is the span of a phase or a run, by its place.
type placed struct{ kind, phase string }

func placeOf(s sdktrace.ReadOnlySpan) (p placed) {
	for _, kv := range s.Attributes() {
		switch kv.Key {
		case "backspan.kind":
			p.kind = kv.Value.AsString()
		case "phase.name":
			p.phase = kv.Value.AsString()
		}
	}
	return p
}

// tree is the spans of runs, phases and tries as a text, each once. How an attempt that was lost ended is left out.
func tree(t *testing.T, spans []sdktrace.ReadOnlySpan) string {
	t.Helper()
	names := map[trace.SpanID]string{}
	for _, s := range spans {
		id := s.SpanContext().SpanID()
		place := placeOf(s)
		if _, twice := names[id]; twice {
			t.Errorf("two spans of %s %s have one id", place.kind, s.Name())
		}
		names[id] = place.kind + " " + s.Name()
	}
	var lines []string
	for _, s := range spans {
		lost := false
		status := ""
		for _, kv := range s.Attributes() {
			lost = lost || kv.Key == "error.type" && kv.Value.AsString() == "lost"
			if kv.Key == "phase.status" || kv.Key == "run.status" || kv.Key == "retry.result" {
				status = kv.Value.AsString()
			}
		}
		if lost {
			continue
		}
		parent := names[s.Parent().SpanID()]
		if parent == "" && s.Parent().IsValid() {
			parent = "an orphan"
		}
		line := fmt.Sprintf("%s > %s %s %s", parent, placeOf(s).kind, s.Name(), status)
		for _, e := range s.Events() {
			line += " " + e.Name
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	text := ""
	for _, line := range slices.Compact(lines) { // an attempt whose end was not noted is made again
		text += line + "\n"
	}
	return text
}
