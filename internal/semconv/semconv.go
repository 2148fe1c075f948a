// Package semconv spells every span name, attribute key, event name and attribute value of Backspan, once.
//
// The code that writes spans and the code that reads them (the event log, the waterfall, the trace file) take the
// words from here, so that a reading cannot disagree with the span. OpenTelemetry has no stable convention for
// retries yet (specification issues 729 and 1306, semantic conventions issue 2355), hence names of our own.
package semconv

import "go.opentelemetry.io/otel/attribute"

// The instrumentation scope of every span that Backspan starts.
const (
	ScopeName    = "github.com/backspan/backspan"
	ScopeVersion = "0.1.0"
)

// KindKey says what a Backspan span stands for; its values are the Kind constants.
const KindKey = attribute.Key("backspan.kind")

// The values of KindKey.
const (
	KindRun       = "run"       // one run of a pipeline
	KindPhase     = "phase"     // one phase of a run, recovery included
	KindOperation = "operation" // one retried operation, all attempts and waits included
	KindAttempt   = "attempt"   // one call; also the first try of a phase
	KindRecovery  = "recovery"  // one recovery attempt of a phase
	KindFallback  = "fallback"  // the call of a phase's fallback
)

// IsTry reports whether a span of the given kind stands for one call: an attempt of an operation, or the first try, a
// recovery attempt or the fallback of a phase.
func IsTry(kind string) bool {
	return kind == KindAttempt || kind == KindRecovery || kind == KindFallback
}

// IsVocabulary reports whether key's values are ids or fixed words. They are not redacted: readers of the spans need
// them, also when the redaction replaces every UUID or the word "failed".
func IsVocabulary(key attribute.Key) bool {
	switch key {
	case KindKey, SessionIDKey, ResultKey, OutcomeKey, PhaseStatusKey,
		RunStatusKey:
		return true
	}
	return false
}

// SessionIDKey is on every Backspan span: the UUID of the run, or of the process.
const SessionIDKey = attribute.Key("session.id")

// ErrorTypeKey is OpenTelemetry's own key for the class of an error, on every Backspan span that failed.
const ErrorTypeKey = attribute.Key("error.type")

// Attributes of operations and attempts. An operation that succeeded at the first attempt has of its own only
// OperationKey, OutcomeKey and AttemptsKey, and that attempt has no OutcomeKey: what says nothing costs time in the
// host and a line in every viewer. NextDelayKey on an operation is the wait that it stopped in. ResultKey on an
// operation is how its last attempt ended when a panic of Policy.AfterAttempt ended the operation after that.
const (
	OperationKey  = attribute.Key("retry.operation")           // operation, attempt: the operation's name
	AttemptKey    = attribute.Key("retry.attempt")             // attempt, recovery, fallback: int from 1
	DelayKey      = attribute.Key("retry.delay_seconds")       // attempt, recovery, fallback: what was waited before it
	NextDelayKey  = attribute.Key("retry.next_delay_seconds")  // attempt, recovery: the wait that was decided on then
	AfterKey      = attribute.Key("retry.after_seconds")       // attempt: the wait that the server asked for
	ResultKey     = attribute.Key("retry.result")              // attempt, recovery, fallback: a Result constant
	MaxRetriesKey = attribute.Key("retry.max_retries")         // failed attempt, operation: int; -1 means without limit
	MaxElapsedKey = attribute.Key("retry.max_elapsed_seconds") // failed attempt, operation: float; absent without
	AttemptsKey   = attribute.Key("retry.attempts")            // operation: int, how many were made
	RetriedKey    = attribute.Key("retry.retried")             // operation: bool, more than one attempt
	TotalDelayKey = attribute.Key("retry.total_delay_seconds") // operation: float, the sum of the waits
	OutcomeKey    = attribute.Key("retry.outcome")             // operation, and its last attempt: an Outcome constant
	ParentOpKey   = attribute.Key("retry.parent_operation")    // failed attempt: the operation around, only when nested
	DepthKey      = attribute.Key("retry.depth")               // failed attempt, operation: int, only when nested
)

// Attributes of operations with a budget.
const (
	BudgetNameKey   = attribute.Key("retry.budget.name")   // operation that failed once, attempt that asked its budget
	BudgetTokensKey = attribute.Key("retry.budget.tokens") // attempt that asked its budget: float, what was left
)

// Attributes of attempts that are processes. Those that begin with process are OpenTelemetry's own names.
const (
	ProcessPIDKey        = attribute.Key("process.pid")
	ProcessExecutableKey = attribute.Key("process.executable.name")
	ProcessCommandKey    = attribute.Key("process.command_line")    // of backspan exec: masked, at most 128 bytes
	ProcessExitCodeKey   = attribute.Key("process.exit.code")       // int, as a shell shows it: 128+N after signal N
	ProcessSignalKey     = attribute.Key("backspan.process.signal") // what ended it: SIGTERM; absent when nothing did

	// BeforeRetryKey is how long the command of before_retry took, with which the attempt began.
	BeforeRetryKey = attribute.Key("backspan.before_retry_seconds")
)

// The instruments of metrics, and the attributes that only they have.
const (
	OperationDuration = "retry.operation.duration"
	OperationAttempts = "retry.operation.attempts"
	OperationDelay    = "retry.operation.delay"
	AttemptDuration   = "retry.attempt.duration"
	EventsDropped     = "retry.events.dropped"
	BudgetTokens      = string(BudgetTokensKey)
	BudgetRefused     = "retry.budget.refused"

	NestedKey = attribute.Key("retry.nested") // bool: within an operation, whose measurements have its time too
	ResendKey = attribute.Key("retry.resend") // attempts, spans of retryhttp.Handler, bool: not the first one
)

// OpenTelemetry's names on the spans of HTTP clients, which other instrumentation makes.
const (
	RequestMethodKey = attribute.Key("http.request.method")       // by it they are told from other clients
	HiddenResendsKey = attribute.Key("http.hidden_resends")       // attempt of retryhttp: int, what net/http resent
	ResendCountKey   = attribute.Key("http.request.resend_count") // int, the retries of the loops around; from 1
)

// The values of ResultKey.
const (
	ResultSuccess  = "success"
	ResultRetrying = "retrying" // it failed and another attempt follows
	ResultFailed   = "failed"   // it failed and none follows
)

// The values of OutcomeKey.
const (
	OutcomeSuccess      = "success"   // at the first attempt
	OutcomeRecovered    = "recovered" // at a later one
	OutcomeExhausted    = "exhausted"
	OutcomePermanent    = "permanent"
	OutcomeNotRetryable = "not_retryable"
	OutcomeRetryLater   = "retry_later"
	OutcomeCancelled    = "cancelled"
	OutcomeDeadline     = "deadline"
	OutcomeBudget       = "budget"
	OutcomePanic        = "panic"
	OutcomeAbandoned    = "abandoned" // phases only
)

// What a pipeline says of the end of a phase, or run of the step of a phase. A step is an operation; a skipped one
// ended well as far as its retrying goes.
const (
	AllowedKey = attribute.Key("backspan.allowed") // failed phase or step, a step's failed attempts: true if it may
	SkippedKey = attribute.Key("backspan.skipped") // step: why there was nothing to do; PhaseReasonKey of a phase
)

// Attributes of phases and runs.
const (
	PhaseNameKey         = attribute.Key("phase.name")         // the phase and every Backspan span below it
	PhaseStatusKey       = attribute.Key("phase.status")       // phase: a Status constant
	PhaseFallbackKey     = attribute.Key("phase.fallback")     // phase: true when the fallback's result is the phase's
	PhaseReasonKey       = attribute.Key("phase.reason")       // phase: why it was skipped, failed or cancelled
	RunNameKey           = attribute.Key("run.name")           // run, phase: the pipeline's name
	RunStatusKey         = attribute.Key("run.status")         // run: a Status constant
	RunReasonKey         = attribute.Key("run.reason")         // run: why it failed or was cancelled
	RunDryRunKey         = attribute.Key("run.dry_run")        // every span of a dry run: true
	RecoveryAttemptedKey = attribute.Key("recovery.attempted") // phase: bool
	RecoverySuccessKey   = attribute.Key("recovery.success")   // phase: bool
	RecoveryMessageKey   = attribute.Key("recovery.message")   // phase: string
	RecoveryAttemptsKey  = attribute.Key("recovery.attempts")  // phase: int
	RecoveryResultKey    = attribute.Key("recovery.result")    // phase: the recovery object of its result, as JSON
)

// The values of PhaseStatusKey and RunStatusKey.
const (
	StatusSuccess   = "success"
	StatusFailed    = "failed"
	StatusSkipped   = "skipped"
	StatusCancelled = "cancelled"
)

// The events of operation and phase spans. Jaeger shows events open while attributes are folded away.
//
// Both are about an attempt that failed: AttemptKey and ReasonKey say which one, and why. On a phase KindKey says
// whether it was the first one, a recovery or the fallback, as the attempt's span does. ScheduledEvent stands at the
// beginning of each of the first two waits, with NextDelayKey. GaveUpEvent stands at the end of what was given up, with
// OutcomeKey.
const (
	ScheduledEvent = "retry.scheduled"
	MaxScheduled   = 2 // of an operation or a phase: with the other event three, as many as Jaeger shows at once
	GaveUpEvent    = "retry.gave_up"
	ReasonKey      = attribute.Key("retry.reason")
)

// The event of a span that ended by a panic; OpenTelemetry's own names.
const (
	ExceptionEvent         = "exception"
	ExceptionTypeKey       = attribute.Key("exception.type")
	ExceptionMessageKey    = attribute.Key("exception.message")
	ExceptionStacktraceKey = attribute.Key("exception.stacktrace")
)

// The names of attempts and recoveries are made ahead, so that naming a span costs no allocation. From the tenth on
// they share one name, because backends list span names.
var (
	attemptNames  = names("attempt ")
	recoveryNames = names("recovery ")
)

const namedAttempts = 9

func names(prefix string) (table [namedAttempts + 1]string) {
	for i := range namedAttempts {
		table[i] = prefix + string(rune('1'+i))
	}
	table[namedAttempts] = prefix + "10+"
	return table
}

// AttemptName is the span name of attempt n, counted from 1.
func AttemptName(n int) string { return nth(&attemptNames, n) }

// RecoveryName is the span name of recovery n, counted from 1.
func RecoveryName(n int) string { return nth(&recoveryNames, n) }

// FallbackName is the span name of the call of a phase's fallback.
const FallbackName = "fallback"

func nth(table *[namedAttempts + 1]string, n int) string {
	return table[max(1, min(n, len(table)))-1]
}
