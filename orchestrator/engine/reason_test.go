package engine_test

import (
	"errors"
	"testing"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

func TestReasons(t *testing.T) {
	for _, r := range engine.Reasons() {
		if err := r.Err(); err == nil || engine.ReasonOf(err) != r {
			t.Errorf("%s stands for %v, which stands for %q", r, err, engine.ReasonOf(err))
		}
	}
	for r, want := range map[engine.Reason]error{
		engine.ReasonExhausted: retry.ErrExhausted, engine.ReasonAbandoned: orchestrator.ErrAbandoned,
		"": nil, "x": nil,
	} {
		if got := r.Err(); !errors.Is(got, want) {
			t.Errorf("%q stands for %v, want %v", r, got, want)
		}
	}
	if got := engine.ReasonOf(errors.New("refused")); got != "" {
		t.Errorf("an error of no reason has %q", got)
	}
}
