package temporal

import "errors"

// What the errors of Engine match, beside those of Pipeline.Run. Each message names the run.
var (
	// ErrUnreachable: Temporal does not answer. Whether the run has begun is not known, if that was to be told: Run
	// with the same RunID, or Resume, finds it out.
	ErrUnreachable = errors.New("Temporal cannot be reached") //nolint:staticcheck // it is a name

	// ErrExists: Run has a RunID with which a run has begun before. Resume waits for that, and returns its report.
	ErrExists = errors.New("the run exists")

	// ErrUnknown: there is no run with the RunID.
	ErrUnknown = errors.New("there is no such run")

	// ErrChanged: the pipeline is not the one that the run began with; see Plan.Fingerprint.
	ErrChanged = errors.New("the pipeline has changed since the run began")

	// ErrHeldUp: the run does not go on, because no worker can go on with it. It has not ended: it does go on as soon
	// as a worker can, and Resume waits for it.
	ErrHeldUp = errors.New("the run is held up")

	// ErrEnded: the run has ended without a report. It was terminated, or its workflow has timed out.
	ErrEnded = errors.New("the run has ended without a report")
)
