package report

import (
	"strings"
	"testing"
)

func openSession(t *testing.T, path string) *Session {
	t.Helper()
	log, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := log.Session("")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The page of a run is the same whether its spans come from the process or from the trace file.
func TestTraceFileTellsWhatTheSpansTell(t *testing.T) {
	r := record(t, nightly)
	golden(t, "nightly.txt", outline(&Session{Spans: r.spans}))
	golden(t, "nightly.txt", outline(openSession(t, r.trace)))
}

// An events file tells the same story with gaps, and names the gaps.
func TestEventsTellTheSameStory(t *testing.T) {
	r := record(t, nightly)
	s := openSession(t, r.events)
	golden(t, "nightly-events.txt", outline(s))
	notes := strings.Join(s.Notes, "\n")
	for _, want := range []string{"less than a trace", "known by its end alone"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q do not say %q", notes, want)
		}
	}
	if !s.Partial || s.ID != session || s.Source != r.events {
		t.Errorf("partial %v, session %q from %q", s.Partial, s.ID, s.Source)
	}
}
