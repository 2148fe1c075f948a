package steps

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

// state is what another process is told of a phase.
type state struct {
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"` // by step
	Wrong   map[string]string          `json:"wrong,omitempty"`   // as in produced, like the rest
	Stopped string                     `json:"stopped,omitempty"`
	Ends    []Result                   `json:"ends,omitempty"`
}

// tellState tells OnState of a phase. The lock is held.
func (r *Runner) tellState(phase string) {
	made := r.produced[phase]
	if r.OnState == nil || made == nil {
		return
	}
	s := state{Outputs: map[string]json.RawMessage{}, Wrong: made.wrong, Stopped: made.stopped, Ends: made.ends}
	for step, out := range made.outputs {
		s.Outputs[step] = out.json
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // unreachable: texts, numbers and JSON
	}
	r.OnState(phase, text)
}

// Restore takes over what OnState was told of a phase in another process. It is called after Pipeline, before anything
// runs. Outputs of steps that are not in the file any more are left out.
func (r *Runner) Restore(phase string, text json.RawMessage) error {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("what is kept of phase %q: %w", phase, err)
	}
	for step, value := range s.Outputs {
		output, declared := r.declared[pipefile.OutputVariable(phase, step)]
		if !declared {
			continue
		}
		if err := r.Take(output, value); err != nil {
			return fmt.Errorf("the output that is kept of step %q of phase %q: %w", step, phase, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.produced[phase] == nil {
		r.produced[phase] = &produced{outputs: map[string]*output{}}
	}
	made := r.produced[phase]
	made.wrong, made.stopped, made.ends = map[string]string{}, s.Stopped, s.Ends
	maps.Copy(made.wrong, s.Wrong)
	return nil
}

// EachState calls do with what is known of each phase, as OnState would be.
func (r *Runner) EachState(do func(phase string, state json.RawMessage)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.OnState
	r.OnState = do
	for phase := range r.produced {
		r.tellState(phase)
	}
	r.OnState = before
}
