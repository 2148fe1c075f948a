// Package retry calls an operation until it succeeds, and makes every attempt visible as an OpenTelemetry span.
//
//	err := retry.Do(ctx, "data_load", retry.Policy{}, func(ctx context.Context) error {
//		return load(ctx)
//	})
//
// The zero Policy makes up to 3 retries after the first attempt, waiting 1s, 2s and 4s. The operation becomes a span
// named data_load, each attempt a child span that carries what was waited before it and why it failed:
//
//	data_load                retry.outcome=recovered retry.attempts=3
//	├─ attempt 1   ✗ connection refused    (then 1s of waiting: a gap, no span)
//	├─ attempt 2   ✗ 503 Service Unavailable
//	└─ attempt 3   ✓
//
// Two words matter. An attempt is one call, counted from 1. A retry is an attempt after the first. MaxRetries: 3
// therefore allows 4 calls.
//
// What an operation can say: Permanent(err) ends the loop and every loop around it, After(d, err) passes on what a
// server asked for. What comes back is nil or an *Error: its Reason says why the loop stopped, and errors.Is finds what
// the operation returned. Policy.AfterAttempt is called after each attempt, for logs and metrics of your own.
//
// Spans go to the provider of the span in the context, else to the global one; without a provider they cost next to
// nothing, and with one Policy.Spans saves half of their cost on hot paths (docs/performance.md has the numbers). The
// package imports the OpenTelemetry API only. Package telemetry sets up an SDK, package retrytest helps to test code
// that retries.
package retry
