package outputs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/orchestrator"
)

// A Run is what is known of the outputs of one run. The JSON of an orchestrator.Report is one too.
type Run struct {
	SessionID   string              `json:"session_id"`
	Pipeline    string              `json:"pipeline"`
	File        string              `json:"file,omitempty"`        // the absolute path of the pipeline file
	Fingerprint string              `json:"fingerprint,omitempty"` // of the pipeline file
	Vars        string              `json:"vars,omitempty"`        // a hash of the values of its vars
	Started     time.Time           `json:"started"`
	Status      orchestrator.Status `json:"status,omitempty"`  // empty: it has not ended
	Recipes     map[string][]Recipe `json:"recipes,omitempty"` // by phase: how the steps were run
	Phases      []Phase             `json:"phases"`
}

// A Phase has the outputs of the steps of a phase by their names.
type Phase struct {
	Phase  string          `json:"phase"`
	Result json.RawMessage `json:"result,omitempty"` // an object, if there are any
	Secret []string        `json:"secret,omitempty"` // steps whose outputs were not kept
}

// Output is the output of a step; nil when r has none. secret reports whether that is because it looked like one.
func (r *Run) Output(phase, step string) (value json.RawMessage, secret bool) {
	for _, p := range r.Phases {
		if p.Phase != phase {
			continue
		}
		var all map[string]json.RawMessage
		if json.Unmarshal(p.Result, &all) == nil && all[step] != nil { // a phase of another program may return anything
			return all[step], false
		}
		for _, other := range p.Secret {
			secret = secret || other == step
		}
	}
	return nil, secret
}

// String reads like "session 5f0c… of 2026-01-02T15:04:05Z, failed".
func (r *Run) String() string {
	how := string(r.Status)
	if how == "" {
		how = "which has not ended"
	}
	return fmt.Sprintf("session %s of %s, %s", r.SessionID, r.Started.UTC().Format(time.RFC3339), how)
}

// maxFile bounds what is read of a file.
const maxFile = 64 << 20

// ReadReport reads a Run from the file of a report.
func ReadReport(path string) (*Run, error) {
	file, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	return readRun(file, path)
}

// readRun reads a Run from file, which it closes.
func readRun(file *os.File, path string) (*Run, error) {
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s has more than %d MiB", path, maxFile>>20)
	}
	run := &Run{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(run); err != nil {
		return nil, fmt.Errorf("%s is no report of backspan run: %w", path, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || run.SessionID == "" || run.Phases == nil {
		return nil, fmt.Errorf("%s is no report of backspan run, want the file of --report-file", path)
	}
	return run, nil
}
