package main

import (
	"context"

	"github.com/backspan/backspan/retry"
)

func backspan(ctx context.Context, f *flaky) func() error {
	policy := policyOf(f)
	op := f.withContext
	return func() error { return retry.Do(ctx, operationName, policy, op) }
}

func policyOf(f *flaky) retry.Policy {
	if f.delay == 0 {
		return retry.Policy{BaseDelay: retry.NoDelay}
	}
	return retry.Policy{BaseDelay: f.delay, MaxDelay: f.delay}
}

func backspanLate(ctx context.Context, f *flaky) func() error {
	policy := policyOf(f)
	policy.Spans = retry.FromFirstFailure
	op := f.withContext
	return func() error { return retry.Do(ctx, operationName, policy, op) }
}

func backspanValue(ctx context.Context, f *flaky) func() error {
	policy := policyOf(f)
	op := func(context.Context) (int, error) { return f.calls, f.call() }
	return func() error {
		_, err := retry.Value(ctx, operationName, policy, op)
		return err
	}
}
