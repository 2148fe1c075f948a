package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/root"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// outageLog is the log of a client that fetches 20 times a second for three minutes, with an outage of ten seconds.
func outageLog(t *testing.T) (path string) {
	t.Helper()
	t.Setenv("BACKSPAN_SESSION", "")
	path = filepath.Join(t.TempDir(), "events.jsonl")
	synctest.Test(t, func(t *testing.T) {
		tel, err := telemetry.Start(t.Context(), telemetry.Config{Service: "web", Events: path, Exporter: "none"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "test")
		random := rand.New(rand.NewPCG(1, 2))
		begin := time.Now()
		var running sync.WaitGroup
		for time.Since(begin) < 3*time.Minute {
			took := time.Duration(random.IntN(30_000)) * time.Microsecond
			running.Go(func() {
				_ = retry.Do(ctx, "fetch", retry.Policy{}, func(context.Context) error {
					time.Sleep(took)
					if at := time.Since(begin); at > time.Minute && at < 70*time.Second {
						return errors.New("connection refused")
					}
					return nil
				})
			})
			time.Sleep(time.Duration(random.ExpFloat64() / 20 * float64(time.Second)))
		}
		running.Wait()
		span.End()
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return path
}

// inProcess runs a command in this process.
func inProcess(args ...string) (stdout, stderr string, code int) {
	var out, errOut bytes.Buffer
	code = root.Execute(args, strings.NewReader(""), &out, &errOut)
	return out.String(), errOut.String(), code
}

// Each command line with all that it prints, in testdata/whatif.golden; UPDATE=1 writes that.
func TestWhatIf(t *testing.T) {
	log := outageLog(t)
	var got strings.Builder
	for _, args := range [][]string{
		{"--policy", "max_retries=2 jitter=full"},
		{"--policy", "max_retries=0"},
		{"--policy", "budget=10"},
		{"--policy", "max_retries=5"},
		{"--policy", "attempt_timeout=1m"},
		{"--policy", "max_retrys=2 jitter=ful"},
		{},
		{"--sweep"},
		{"--sweep", "--policy", "base_delay=1s jitter=equal"},
		{"--policy", "max_retries=2", "--operation", "fetsh"},
		{"--policy", ""},
		{"--sweep", "--policy", "max_retries=2 max_delay=50ms"},
		{"--sweep", "--policy", "max_retries=5 base_delay=2s"},
		{"--policy", "max_retries=2", "--since", "2000-01-01T00:02:00Z"},
	} {
		out, errOut, code := inProcess(append([]string{"whatif", "--utc", log}, args...)...)
		got.WriteString("$ whatif " + strings.Join(args, " ") + "\n" + out)
		if errOut != "" {
			got.WriteString("stderr: " + strings.ReplaceAll(errOut, log, "LOG"))
		}
		got.WriteString("exit " + string(rune('0'+code)) + "\n\n")
		for line := range strings.SplitSeq(out, "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%v: a line has %d columns: %s", args, n, line)
			}
		}
	}
	const golden = "testdata/whatif.golden"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}

// Bots read the same, and why there is no answer.
func TestWhatIfAsJSON(t *testing.T) {
	log := outageLog(t)
	type figure struct{ Value, Low, High float64 }
	var answer struct {
		Answered bool
		Why      string
		Recorded struct {
			Success figure `json:"success_rate"`
		}
		Answers []struct {
			Policy     string
			Figures    *map[string]any
			NoEvidence float64 `json:"no_evidence_past_seconds"`
		}
	}
	read := func(wantCode int, args ...string) {
		t.Helper()
		out, errOut, code := inProcess(append([]string{"whatif", "--json", log, "--policy"}, args...)...)
		if code != wantCode || strings.Contains(errOut, "evidence") { // what is wrong is in the answer
			t.Errorf("%v: exit code %d, want %d: %s", args, code, wantCode, errOut)
		}
		answer.Why, answer.Answers = "", nil
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			t.Fatal(err)
		}
	}
	read(0, "max_retries=2")
	if !answer.Answered || answer.Answers[0].Figures == nil || answer.Recorded.Success.Value < 0.9 ||
		answer.Answers[0].Policy != "max_retries=2 base_delay=1s max_delay=30s multiplier=2 jitter=none" {
		t.Errorf("got %+v", answer)
	}
	read(1, "max_retries=5")
	if answer.Answered || answer.Answers[0].Figures != nil || int(answer.Answers[0].NoEvidence) != 7 ||
		answer.Why == "" {
		t.Errorf("got %+v", answer)
	}
	read(1, "max_retries=1", "--operation", "save")
	if answer.Answered || !strings.Contains(answer.Why, "there is no operation in what was read") {
		t.Errorf("got %+v", answer)
	}
}
