//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/backspan/backspan/e2e/internal/program"
)

// The second phase kills the process of the run at its first attempt, when Jaeger has what came before.
const killsItsRun = `
name: nightly
phases:
  - name: kept
    steps: [{name: begin, run: "echo begun"}]
  - name: cut_off
    needs: [kept]
    steps:
      - name: work
        run: |
          test -e go || { until test -e exported; do sleep 0.05; done; touch go; kill -KILL $PPID; sleep 9; }
          echo worked
`

const resumedTree = `nightly
  kept
    attempt 1
      begin
        attempt 1
  cut_off
    attempt 1
    attempt 1
      work
        attempt 1
`

// A run that is killed and resumed is one tree in Jaeger: each phase once, the attempt that was lost beside the one
// that was made in its place.
func TestAResumedRunIsOneTree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nightly.yaml"), []byte(killsItsRun), 0o600); err != nil {
		t.Fatal(err)
	}
	env := toJaeger()
	env["OTEL_BSP_SCHEDULE_DELAY"] = "10" // what is in the queue when the process is killed is lost
	killed, err := program.Command{
		Path: backspan, Dir: dir, Env: env, Args: []string{"run", "nightly.yaml", "--checkpoint"},
	}.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var id string
	waitFor(t, "the first phase in Jaeger", func() bool {
		ids, err := collector.Search(t.Context(), "backspan",
			map[string]string{"phase.name": "kept", "phase.status": "success"})
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) > 0 {
			id = ids[0]
		}
		return id != ""
	})
	if err := os.WriteFile(filepath.Join(dir, "exported"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if result, err := killed.Wait(); err != nil || result.Code == 0 {
		t.Fatalf("%v, %v", result, err)
	}
	resumed := must(t, program.Command{
		Path: backspan, Dir: dir, Env: env, Args: []string{"run", "nightly.yaml", "--resume"},
	})
	root, err := collector.Trace(t.Context(), id)
	if err != nil {
		t.Fatalf("%v\n%v", err, resumed)
	}
	if got := root.Tree(); got != resumedTree {
		t.Errorf("tree:\n%swant:\n%s%v", got, resumedTree, resumed)
	}
}
