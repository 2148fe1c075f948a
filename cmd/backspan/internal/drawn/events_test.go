package drawn

import (
	"context"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/orchestrator"
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

// dry is a dry run of a pipeline of one phase, which has nothing to do in it.
func dry(ctx context.Context) {
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
		{Name: "load", Run: func(context.Context, orchestrator.Input) (any, error) { return nil, errRefused }},
	}}
	_, _ = pipeline.Run(ctx, orchestrator.Options{RunID: nightlyID, DryRun: true}) // the spans say how it ended
}

// The list says how each session ended, from either file, without reading it in all. A dry run is no success.
func TestListSaysHowSessionsEnded(t *testing.T) {
	for want, run := range map[session.Outcome]func(context.Context){session.Failed: nightly, session.DryRun: dry} {
		r := recordFiles(t, run)
		for _, path := range []string{r.trace, r.events} {
			log, err := session.List(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := log.Sessions[0].Outcome; got != want || got != openSession(t, path).Outcome() {
				t.Errorf("%s: the list says %q, the session %q; want both %q",
					path, got, openSession(t, path).Outcome(), want)
			}
		}
	}
}

// Why a phase was skipped is told from either file.
func TestSkippedPhasesSayWhy(t *testing.T) {
	r := recordFiles(t, dry)
	for _, path := range []string{r.trace, r.events} {
		var b strings.Builder
		if err := waterfall.Render(&b, openSession(t, path), waterfall.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"- nightly  dry run ", "- load  skipped: dry run"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", path, want, b.String())
			}
		}
	}
}
