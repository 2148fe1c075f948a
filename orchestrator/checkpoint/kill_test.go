package checkpoint_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
	"github.com/backspan/backspan/retry"
)

// victimVariable names the directory in which a process of this test runs a pipeline, to be killed.
const victimVariable = "CHECKPOINT_TEST_VICTIM"

// victims is the pipeline that is killed: phases side by side, some of which fail at first. Each call is noted in dir.
func victims(dir string) orchestrator.Pipeline {
	phase := func(name string, takes time.Duration, failures int, needs ...string) orchestrator.Phase {
		work := does(takes, failures, needs...)
		return orchestrator.Phase{
			Name: name, Needs: append([]string{}, needs...),
			Recovery: &retry.Policy{MaxRetries: 4, BaseDelay: 20 * time.Millisecond},
			Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
				if err := note(dir, in.Phase+" "+in.IdempotencyKey); err != nil {
					return nil, err
				}
				return work(ctx, in)
			},
		}
	}
	return orchestrator.Pipeline{Name: "victim", Phases: []orchestrator.Phase{
		phase("a", 40*time.Millisecond, 0),
		phase("b", 10*time.Millisecond, 2),
		phase("c", 30*time.Millisecond, 1),
		phase("d", 20*time.Millisecond, 0, "a", "b"),
		phase("e", 20*time.Millisecond, 1, "c"),
		phase("f", 10*time.Millisecond, 0, "d", "e"),
	}}
}

func note(dir, line string) error {
	f, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// victim is the process that is killed: it begins the run, or goes on with it, and writes the report.
func victim(dir string) int {
	ctx, opts := context.Background(), checkpoint.Options{
		Store: checkpoint.Dir(filepath.Join(dir, "store")), Required: true,
	}
	report, err := checkpoint.Resume(ctx, victims(dir), runID, orchestrator.Options{}, opts)
	if errors.Is(err, checkpoint.ErrNotFound) {
		report, err = checkpoint.Run(ctx, victims(dir), recovering, opts)
	}
	text, marshalErr := json.Marshal(report)
	if err = errors.Join(err, marshalErr); err == nil {
		err = os.WriteFile(filepath.Join(dir, "report"), text, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A run whose process is killed at any moment ends as if it had not been. BACKSPAN_FULL=1 kills 300 times.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 20
	if os.Getenv("BACKSPAN_FULL") != "" {
		kills = 300
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	quiet := t.TempDir()
	began := time.Now()
	if killed := kill(t, quiet, 0); killed {
		t.Fatal("it was killed by nobody")
	}
	takes := time.Since(began)
	want := reportIn(t, quiet)
	dead, runs, lost := 0, 0, 0
	for dead < kills {
		dir := t.TempDir()
		recorded := map[string]int{} // by phase whose success is in the journal: how often it had been called then
		for times := 0; ; times++ {
			after := time.Duration(0)
			if times < 3 && dead < kills {
				after = 1 + time.Duration(r.Int64N(int64(takes)))
			}
			if !kill(t, dir, after) {
				break
			}
			dead++
			calls := callsIn(t, dir)
			for info, err := range checkpoint.Runs(t.Context(), checkpoint.Dir(filepath.Join(dir, "store"))) {
				if err != nil || info.State != checkpoint.Interrupted && info.State != checkpoint.Ended {
					t.Fatalf("seed %d: the store after a kill: %v, state %s", seed, err, info.State)
				}
				for _, phase := range info.Done {
					if _, known := recorded[phase]; !known {
						recorded[phase] = calls[phase]
					}
				}
				for _, at := range info.At {
					lost += at.Lost
				}
			}
		}
		runs++
		equal(t, fmt.Sprintf("seed %d: report", seed), reportIn(t, dir), want)
		calls := callsIn(t, dir)
		for phase, n := range recorded {
			equal(t, fmt.Sprintf("seed %d: calls of %s after its success was recorded", seed, phase), calls[phase], n)
		}
	}
	t.Logf("%d runs, %d kills, %d attempts were seen to be lost: every run ended, with the same report",
		runs, dead, lost)
}

// kill runs a victim and kills it after a time, unless that is 0. It reports whether the victim was killed.
func kill(t *testing.T, dir string, after time.Duration) bool {
	t.Helper()
	var said bytes.Buffer
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), victimVariable+"="+dir)
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	never := make(chan time.Time)
	var moment <-chan time.Time = never
	if after > 0 {
		moment = time.After(after)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("the victim failed: %v: %s", err, said.String())
		}
		return false
	case <-moment:
		_ = c.Process.Kill() // it may have ended just now
		err := <-done
		if said.Len() > 0 {
			t.Fatalf("the victim failed: %v: %s", err, said.String())
		}
		return err != nil
	}
}

func reportIn(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	var report orchestrator.Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	return enginetest.ReportText(report)
}

// callsIn counts the calls of each phase, and checks that all of a phase had the same key.
func callsIn(t *testing.T, dir string) map[string]int {
	t.Helper()
	calls, keys := map[string]int{}, map[string]string{}
	f, err := os.Open(filepath.Join(dir, "calls"))
	if errors.Is(err, os.ErrNotExist) {
		return calls
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		phase, key, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			continue // cut by a kill
		}
		calls[phase]++
		if keys[phase] != "" && len(key) == len(keys[phase]) {
			equal(t, "idempotency key of "+phase, key, keys[phase])
		}
		keys[phase] = key
	}
	return calls
}
