package main

import (
	"context"
	"time"

	avast "github.com/avast/retry-go/v5"
	backoff5 "github.com/cenkalti/backoff/v5"
	backoff7 "github.com/cenkalti/backoff/v7"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	sethvargo "github.com/sethvargo/go-retry"
)

// Each rival is used as its documentation shows, with 3 retries, a constant delay and the caller's context. What it
// allows to make once is made once.

func backoffV5(ctx context.Context, f *flaky) func() error {
	op := func() (int, error) { return f.calls, f.call() }
	options := []backoff5.RetryOption{
		backoff5.WithBackOff(&backoff5.ConstantBackOff{Interval: f.delay}), // it has no state, so it may be shared
		backoff5.WithMaxTries(maxAttempts),
	}
	return func() error {
		_, err := backoff5.Retry(ctx, op, options...)
		return err
	}
}

func backoffV7(ctx context.Context, f *flaky) func() error {
	op := func() (int, error) { return f.calls, f.call() }
	options := []backoff7.RetryOption{
		backoff7.WithBackOff(&backoff7.ConstantBackOff{Interval: f.delay}),
		backoff7.WithMaxTries(maxAttempts),
	}
	return func() error {
		_, err := backoff7.Retry(ctx, op, options...)
		return err
	}
}

// A Retrier holds the context it was made with. A server would need one a request; here one serves for all.
func retryGo(ctx context.Context, f *flaky) func() error {
	retrier := avast.New(
		avast.Context(ctx), avast.Attempts(maxAttempts), avast.LastErrorOnly(true),
		avast.Delay(f.delay), avast.DelayType(avast.FixedDelay),
	)
	op := f.call
	return func() error { return retrier.Do(op) }
}

// A Backoff with a limit counts down and is used up by one operation, so it cannot be made ahead. Errors are retried
// only when marked; the mark is made once.
func goRetry(ctx context.Context, f *flaky) func() error {
	retryable := sethvargo.RetryableError(errRefused)
	op := func(context.Context) error {
		if f.call() != nil {
			return retryable
		}
		return nil
	}
	constant := sethvargo.BackoffFunc(func() (time.Duration, bool) { return f.delay, false })
	return func() error {
		return sethvargo.Do(ctx, sethvargo.WithMaxRetries(maxAttempts-1, constant), op)
	}
}

func failsafeGo(ctx context.Context, f *flaky) func() error {
	policy := retrypolicy.NewBuilder[any]().WithMaxRetries(maxAttempts - 1).WithDelay(f.delay).Build()
	executor := failsafe.With[any](policy)
	op := f.call
	return func() error { return executor.WithContext(ctx).Run(op) }
}
