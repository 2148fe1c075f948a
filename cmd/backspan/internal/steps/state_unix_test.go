//go:build unix

package steps_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/steps"
	"github.com/backspan/backspan/orchestrator"
)

const cutOff = `
name: nightly
phases:
  - name: work
    steps:
      - {name: rent, run: echo machine-7, output: text}
      - {name: use, run: exit 3}
    fallback: echo "fallback of $BACKSPAN_OUTPUT_WORK_RENT"
    retry: {max_retries: 0}
  - name: clean
    if: always
    steps:
      - name: return
        run: echo "return $BACKSPAN_OUTPUT_WORK_RENT after step $BACKSPAN_FAILED_STEP, code $BACKSPAN_FAILED_EXIT_CODE"
`

// What a process knew of a phase is known to the next one: outputs for fallbacks and for phases that clean up, which
// step failed and how, and the steps for the report.
func TestAPhaseOfAnotherProcess(t *testing.T) {
	file, err := pipefile.Parse("nightly.yaml", []byte(cutOff))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	states := map[string][]json.RawMessage{}
	first := &steps.Runner{Stdout: steps.Stream{To: &out}, Environ: os.Environ()}
	first.OnState = func(phase string, state json.RawMessage) { states[phase] = append(states[phase], state) }
	pipeline := first.Pipeline(file)
	if _, err := pipeline.Phases[0].Run(t.Context(), orchestrator.Input{Phase: "work"}); err == nil {
		t.Fatal("the phase succeeded")
	}
	if len(states["work"]) != 2 {
		t.Fatalf("%d states, want one for each step", len(states["work"]))
	}
	next := &steps.Runner{Stdout: steps.Stream{To: &out}, Environ: os.Environ()}
	pipeline = next.Pipeline(file)
	if err := next.Restore("work", states["work"][1]); err != nil {
		t.Fatal(err)
	}
	result, err := pipeline.Phases[0].Fallback(t.Context(), orchestrator.Input{Phase: "work", Attempt: 1})
	text, _ := json.Marshal(result)
	if err != nil || string(text) != `{"rent":"machine-7"}` {
		t.Errorf("the fallback's result is %s, error %v", text, err)
	}
	told := orchestrator.Input{Phase: "clean", RunStatus: orchestrator.Failed, FailedPhase: "work", FailedError: "x"}
	if _, err := pipeline.Phases[1].Run(t.Context(), told); err != nil {
		t.Error(err)
	}
	for _, line := range []string{
		"fallback | fallback of machine-7", "return | return machine-7 after step use, code 3",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, out.String())
		}
	}
	if ends := next.Steps("work"); len(ends) != 2 || ends[1].ExitCode == nil || *ends[1].ExitCode != 3 {
		t.Errorf("steps %+v, want two, the last with code 3", ends)
	}
	if err := next.Restore("work", json.RawMessage(`{"outputs":{"rent":7}}`)); err == nil {
		t.Error("an output that is no text was taken")
	}
}
