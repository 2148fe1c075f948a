package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A signal in the middle of a wait: the program ends soon, and its files are complete.
func TestSignalInTheMiddleOfAWait(t *testing.T) {
	for _, wait := range []struct {
		name  string
		args  []string
		begun string // what the events say when it has begun
	}{
		{
			"between attempts",
			[]string{"--scenario", "slow", "--base-delay", "1m", "--max-delay", "1m"},
			`"next_delay": 60`,
		},
		{"before a recovery", []string{"--scenario", "outage", "--max-retries", "0"}, `"type": "phase_attempt_failed"`},
	} {
		for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
			t.Run(wait.name+", "+signal.String(), func(t *testing.T) {
				t.Parallel()
				command := demo(t, toJaeger(), wait.args...)
				process, err := command.Start(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				events := filepath.Join(command.Dir, eventsFile)
				waitFor(t, "a wait "+wait.name, func() bool { return strings.Contains(read(events), wait.begun) })
				signalled := time.Now()
				if err := process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				result, err := process.Wait()
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(signalled); took > 5*time.Second {
					t.Errorf("it took %v to end", took)
				}
				r := ended(t, command, result, code)
				checkCancelled(t, r)
				root, err := collector.Trace(t.Context(), r.traceID(t))
				if err != nil {
					t.Fatal(err)
				}
				if !root.Failed() || root.Attributes["run.status"] != "cancelled" {
					t.Errorf("run span: failed %v, attributes %v", root.Failed(), root.Attributes)
				}
			})
		}
	}
}

func checkCancelled(t *testing.T, r run) {
	t.Helper()
	if r.report.Status != "cancelled" || len(r.report.Phases) != 3 {
		t.Errorf("report: %s", r.Stdout)
	}
	for i, want := range []string{"cancelled", "skipped", "skipped"} {
		if i < len(r.report.Phases) && r.report.Phases[i].Status != want {
			t.Errorf("phase %s is %s, want %s", r.report.Phases[i].Phase, r.report.Phases[i].Status, want)
		}
	}
	promised := 0 // attempts that were announced and never came
	for _, e := range r.events {
		switch {
		case e.Type == "autocorrect_attempt" && e.Details["result"] == "retrying":
			promised++
		case e.Type == "autocorrect_stopped" && e.Details["result"] == "cancelled":
			promised--
		}
	}
	if promised != 0 {
		t.Errorf("%d operations stopped during a wait and no event says so: %v", promised, r.events)
	}
	if last := r.events[len(r.events)-1]; last.Type != "run_end" || r.count("run_end") != 1 ||
		r.count("phase_start") != 1 || r.count("phase_end") != 3 {
		t.Errorf("the events do not end with the run: %v", r.events)
	}
}

// read is the content of a file, or nothing while it is not there.
func read(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(content)
}

// waitFor returns as soon as the condition holds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
