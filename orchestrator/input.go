package orchestrator

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/backspan/backspan/retry"
)

// Input is what a PhaseFunc is told about its call.
type Input struct {
	RunID   string // the run's id: Report.SessionID and the session.id of the spans
	Phase   string
	Attempt int  // 0 for the first try, n for the n-th recovery attempt; the fallback's is one more than the last
	DryRun  bool // true when it is Phase.DryRun that is called

	// IdempotencyKey is the same for all attempts of a phase in a run and different for every other phase and
	// run. Handed to services that take such a key, it lets a repeated call take effect once. It has the form of
	// a UUID.
	IdempotencyKey string

	// What went wrong before. It is told to phases whose condition is OnFailure or Always, and to fallbacks, whose own
	// phase is the one that failed; it is empty for others.
	//
	// RunStatus is how the run has gone so far: Success, Failed or Cancelled. FailedPhase names the phase that failed
	// or was cancelled first, and FailedError is its last error, at most 1,024 bytes of it. Of several such phases
	// those that this one waits for come first. Failures that are allowed do not count. In a fallback its own phase has
	// failed, so that RunStatus is never Success there, although the run may still succeed.
	RunStatus                Status
	FailedPhase, FailedError string

	outputs map[string]json.RawMessage
	reads   func() []string // the phases that may be asked for
}

// Output decodes the output of an earlier phase into v, a pointer. The phase must be one that this phase needs or
// uses. Numbers that go into an any stay exact: they become json.Number. The error is permanent, because another
// attempt would find the same output.
func (in Input) Output(phase string, v any) error {
	output, ok := in.outputs[phase]
	if !ok {
		return in.noOutput(phase)
	}
	if err := decode(output, v); err != nil {
		return retry.Permanent(fmt.Errorf("output of phase %q: %w", phase, err))
	}
	return nil
}

func (in Input) noOutput(phase string) error {
	var reads []string
	if in.reads != nil {
		reads = in.reads()
	}
	if slices.Contains(reads, phase) {
		return retry.Permanent(fmt.Errorf("phase %q has no output: it did not run to success", phase))
	}
	return retry.Permanent(&FieldError{
		Field: "Input.Output", Value: fmt.Sprintf("%q", phase),
		Want: "a phase that it reads (" + cmp.Or(strings.Join(reads, ", "), "none") + "), or to name this one in Uses",
	})
}

// decode keeps numbers exact: an int64 that passes through a float64 loses its last digits.
func decode(data json.RawMessage, v any) error {
	if data == nil {
		data = json.RawMessage("null")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

// idempotencyKey is a UUID of version 8 made from a hash, so that every engine and every attempt computes the same
// one.
func idempotencyKey(runID, pipeline, phase string) string {
	text := make([]byte, 0, 128)
	for _, part := range [...]string{runID, pipeline, phase} {
		// The lengths keep "a"+"bc" and "ab"+"c" apart.
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(append(text, ':'), part...)
	}
	sum := sha256.Sum256(text)
	key := uuid.UUID(sum[:16])
	key[6] = key[6]&0x0f | 8<<4 // the version, as RFC 9562 wants it
	key[8] = key[8]&0x3f | 0x80 // and the variant
	return key.String()
}
