package drawn

import (
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

func openSession(t *testing.T, path string) *session.Session {
	t.Helper()
	log, err := session.Open(path)
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
	r := recordFiles(t, nightly)
	golden(t, "nightly.txt", []byte(outline(t, session.New(r.spans))))
	golden(t, "nightly.txt", []byte(outline(t, openSession(t, r.trace))))
}

// An events file tells the same story with gaps, and names the gaps.
func TestEventsTellTheSameStory(t *testing.T) {
	r := recordFiles(t, nightly)
	s := openSession(t, r.events)
	golden(t, "nightly-events.txt", []byte(outline(t, s)))
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "less than a trace") {
		t.Errorf("notes %q, want only that there is less than in a trace", s.Notes)
	}
	if !s.Partial || s.ID != nightlyID || s.Source != r.events {
		t.Errorf("partial %v, session %q from %q", s.Partial, s.ID, s.Source)
	}
}

// The list says how each session ended, from either file, without reading it in all.
func TestListSaysHowSessionsEnded(t *testing.T) {
	r := recordFiles(t, nightly)
	for _, path := range []string{r.trace, r.events} {
		log, err := session.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := log.Sessions[0].Outcome; got != session.Failed || got != openSession(t, path).Outcome() {
			t.Errorf("%s: the list says %q, the session %q; want both failed", path, got, openSession(t, path).Outcome())
		}
	}
}
