package events

import "time"

// A Record is one line of events.jsonl.
type Record struct {
	Time    time.Time // written in UTC with microseconds
	Session string    // the session's UUID
	Type    string    // one of the Type constants
	Phase   string    // empty outside a phase
	Level   string    // one of the Level constants
	Message string
	Details []Field  // in the order they are written; each key once
	TraceID [16]byte // zero: not written
	SpanID  [8]byte  // zero: not written

	// Who wrote the record; at most 128 bytes of each text are written. Options.Service, the host's name and the
	// process's id take their place in what a Writer writes.
	Service string // empty: not written
	Host    string // empty: not written
	PID     int    // 0: not written
}

// The types of records.
const (
	TypeAttempt       = "autocorrect_attempt"   // an operation's attempt failed
	TypeRecovered     = "autocorrect_recovered" // an attempt succeeded after failed ones
	TypeStopped       = "autocorrect_stopped"   // an operation ended after its last attempt: in a wait, or by a panic
	TypeSkipped       = "operation_skipped"     // an operation had nothing to do: a step of run, by its skip_codes
	TypePhaseFailed   = "phase_attempt_failed"  // a phase's first try failed
	TypeRecovery      = "recovery_attempt"      // a recovery attempt of a phase ended
	TypeFallback      = "fallback_attempt"      // the fallback of a phase ended; it is no recovery
	TypePhaseStart    = "phase_start"           // not written for a skipped phase
	TypePhaseEnd      = "phase_end"
	TypeRunStart      = "run_start"
	TypeRunEnd        = "run_end"
	TypeTally         = "operation_tally" // how often an operation succeeded at its first attempt lately
	TypeEventsDropped = "events_dropped"  // writing works again after lines were lost
)

// The levels of records.
const (
	LevelInfo    = "info"
	LevelWarning = "warning"
	LevelError   = "error"
)

// The keys of details.
const (
	KeyAttemptNumber = "attempt_number"
	KeyReason        = "reason" // "Error in <operation or phase>: <error>"; of runs, phases, events_dropped: why
	// retrying, failed or success; of runs, phases and stopped operations: how they ended
	KeyResult           = "result"
	KeyOutcome          = "outcome" // last attempt, autocorrect_stopped, failed phase_end: exhausted, permanent, …
	KeyOperation        = "operation"
	KeyPipeline         = "pipeline"         // run and phase records
	KeyDryRun           = "dry_run"          // every record of a dry run: true, else absent
	KeyError            = "error"            // the error's text alone
	KeyErrorType        = "error_type"       // its class, for example timeout
	KeyDelay            = "delay"            // seconds that were waited before the attempt
	KeyNextDelay        = "next_delay"       // seconds that are waited before the next one
	KeyDuration         = "duration"         // what ended: seconds
	KeyMaxRetries       = "max_retries"      // failed attempts; -1 means without limit
	KeyMaxElapsed       = "max_elapsed"      // failed attempts: seconds, where there is such a limit
	KeyDepth            = "depth"            // failed attempts, tallies: loops around the operation; absent for 0
	KeyParentOperation  = "parent_operation" // failed attempts, tallies: the operation around, if there is one
	KeyAfter            = "after"            // failed attempts: seconds that the server asked to wait, if it did
	KeyBudget           = "budget"           // attempts with the outcome budget: the name of the budget, if it has one
	KeyCommand          = "command"          // attempts of backspan exec: what was run, masked, at most 128 bytes
	KeyRecoveryMessage  = "recovery_message"
	KeyRecoveryAttempts = "recovery_attempts" // phase_end: how many there were, without the fallback
	KeyAllowed          = "allowed"           // true when what failed was allowed to, so that it fails nothing else
	KeyFallback         = "fallback"          // phase_end: true when the fallback's result is the phase's
	KeySeconds          = "seconds"           // operation_tally: how long was counted, up to the record's time
	KeySuccesses        = "successes"         // operation_tally: how many succeeded at their first attempt
	KeyDurations        = "durations"         // operation_tally: how long they took; see TypeTally in the guide
	KeyCount            = "count"             // events_dropped: how many lines were lost
)

// The keys of a line, in the order they are written. They are no keys of details: see Record.Append.
const (
	keyTimestamp = "timestamp"
	keySession   = "session_id"
	keyType      = "type"
	keyPhase     = "phase"
	keyLevel     = "level"
	keyMessage   = "message"
	keyDetails   = "details"
	keyTraceID   = "trace_id"
	keySpanID    = "span_id"
	keyService   = "service"
	keyHost      = "host"
	keyPID       = "pid"
	keyTruncated = "truncated"
)
