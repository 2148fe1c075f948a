package outputs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/orchestrator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func plain(text string) string { return text }

func keep(t *testing.T, s Store, run Run) *Keeper {
	t.Helper()
	return s.Keep(run, plain, func(err error) { t.Error(err) })
}

// What was kept reads back, also what several phases print at once, and the last output of a step counts.
func TestKeptOutputsReadBack(t *testing.T) {
	s := Store{t.TempDir()}
	k := keep(t, s, Run{SessionID: "../s", Pipeline: "p", Started: time.Now()})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			k.Add(fmt.Sprint("phase", i), "s", json.RawMessage(`"first"`))
			k.Add(fmt.Sprint("phase", i), "s", json.RawMessage(fmt.Sprint(i)))
		})
	}
	wait.Wait()
	k.End(orchestrator.Failed)
	run, err := s.Find("../s", "p")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if got, _ := run.Output(fmt.Sprint("phase", i), "s"); string(got) != fmt.Sprint(i) {
			t.Errorf("phase%d/s is %s, want %d", i, got, i)
		}
	}
	if run.Status != orchestrator.Failed {
		t.Errorf("status = %q, want failed", run.Status)
	}
	if got, _ := run.Output("phase1", "other"); got != nil {
		t.Errorf("an output that was not kept is %s", got)
	}
}

func TestFind(t *testing.T) {
	s := Store{t.TempDir()}
	began := time.Now()
	for i, run := range []Run{
		{SessionID: "ab1", Pipeline: "p"},
		{SessionID: "ab1", Pipeline: "p", File: "/newer"}, // as of a run within the session of another
		{SessionID: "ab2", Pipeline: "p"},
		{SessionID: "c1", Pipeline: "p"},
		{SessionID: "c2", Pipeline: "q"},
	} {
		run.Started = began.Add(time.Duration(i) * time.Second)
		keep(t, s, run)
	}
	for _, c := range []struct{ session, want string }{
		{"ab1", "/newer"},
		{"c", ""},
		{"ab", "sessions ab2 and ab1 both begin so"},
		{"c2", `no such session of pipeline "p"`},
	} {
		run, err := s.Find(c.session, "p")
		switch {
		case err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error = %v, want %q", c.session, err, c.want)
		case err == nil && run.File != c.want:
			t.Errorf("%s: found %+v, want %q", c.session, run, c.want)
		}
	}
}

func TestTheOldestRunsGo(t *testing.T) {
	s := Store{t.TempDir()}
	old := time.Now().Add(-time.Hour)
	for i := range mostRuns + 3 {
		keep(t, s, Run{SessionID: fmt.Sprint(i), Pipeline: "p", Started: old.Add(time.Duration(i) * time.Second)})
		paths, err := filepath.Glob(filepath.Join(s.Dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths { // file systems may be too coarse to tell which is older
			if run, err := ReadReport(path); err != nil {
				t.Error(err)
			} else if err := os.Chtimes(path, run.Started, run.Started); err != nil {
				t.Error(err)
			}
		}
	}
	runs, err := s.Runs()
	if err != nil || len(runs) != mostRuns {
		t.Fatalf("%d runs, error %v; want %d", len(runs), err, mostRuns)
	}
	if newest, oldest := runs[0].SessionID, runs[mostRuns-1].SessionID; newest != fmt.Sprint(mostRuns+2) ||
		oldest != "3" {
		t.Errorf("kept %s to %s, want the newest %d", oldest, newest, mostRuns)
	}
}

func TestSecretsAreNotKept(t *testing.T) {
	s := Store{t.TempDir()}
	mask := func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") }
	k := s.Keep(Run{SessionID: "s", Pipeline: "p"}, mask, func(err error) { t.Error(err) })
	k.Add("a", "s", json.RawMessage(`"hunter2"`))
	k.Add("a", "t", json.RawMessage(`{"x":"hunter2"}`))
	k.Add("a", "u", json.RawMessage(`"fine"`))
	run, err := s.Find("s", "p")
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range map[string]string{"s": " true", "t": " true", "u": `"fine" false`} {
		value, secret := run.Output("a", step)
		if got := fmt.Sprintf("%s %v", value, secret); got != want {
			t.Errorf("%s is %s, want %s", step, got, want)
		}
	}
}

// A report of another program, or of a phase that returned no object, has no outputs of steps.
func TestReportsOfOthers(t *testing.T) {
	run := Run{
		Phases: []Phase{{Phase: "a", Result: json.RawMessage(`[1]`)}, {Phase: "b", Result: json.RawMessage(`7`)}},
	}
	for _, phase := range []string{"a", "b", "c"} {
		if value, secret := run.Output(phase, "s"); value != nil || secret {
			t.Errorf("%s/s is %s", phase, value)
		}
	}
}
