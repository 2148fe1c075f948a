package main

import (
	"context"

	"github.com/backspan/backspan/retry"
)

func backspan(ctx context.Context, f *flaky) func() error {
	policy := retry.Policy{BaseDelay: retry.NoDelay}
	op := f.withContext
	return func() error { return retry.Do(ctx, operationName, policy, op) }
}

func backspanLate(ctx context.Context, f *flaky) func() error {
	policy := retry.Policy{BaseDelay: retry.NoDelay, Spans: retry.FromFirstFailure}
	op := f.withContext
	return func() error { return retry.Do(ctx, operationName, policy, op) }
}

func backspanValue(ctx context.Context, f *flaky) func() error {
	policy := retry.Policy{BaseDelay: retry.NoDelay}
	op := func(context.Context) (int, error) { return f.calls, f.call() }
	return func() error {
		_, err := retry.Value(ctx, operationName, policy, op)
		return err
	}
}
