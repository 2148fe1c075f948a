package retry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backspan/backspan/retry"
)

func Example() {
	calls := 0
	err := retry.Do(context.Background(), "data_load", retry.Policy{BaseDelay: time.Millisecond},
		func(context.Context) error {
			if calls++; calls < 3 {
				return errors.New("connection refused")
			}
			return nil
		})
	fmt.Println(calls, err)
	// Output: 3 <nil>
}

func ExampleValue() {
	rows, err := retry.Value(context.Background(), "market_data_fetch", retry.Policy{},
		func(context.Context) (int, error) { return 42, nil })
	fmt.Println(rows, err)
	// Output: 42 <nil>
}

func ExampleError() {
	down := errors.New("connection refused")
	err := retry.Do(context.Background(), "data_load", retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay},
		func(context.Context) error { return down })

	if e, ok := errors.AsType[*retry.Error](err); ok {
		switch e.Reason {
		case retry.ErrExhausted:
			fmt.Println("given up after", e.Attempts, "attempts")
		case retry.ErrCancelled:
			fmt.Println("stopped:", e.Cause)
		}
	}
	fmt.Println(err, errors.Is(err, down))
	// Output:
	// given up after 2 attempts
	// data_load: gave up after 2 attempts: connection refused true
}

func ExamplePermanent() {
	err := retry.Do(context.Background(), "read_config", retry.Policy{}, func(context.Context) error {
		return retry.Permanent(errors.New("line 3: unknown key"))
	})
	fmt.Println(err)
	// Output: read_config: permanent error after 1 attempt: line 3: unknown key
}

func ExampleAfter() {
	calls := 0
	policy := retry.Policy{BaseDelay: time.Millisecond}
	err := retry.Do(context.Background(), "call_api", policy, func(context.Context) error {
		if calls++; calls == 1 {
			// A server's Retry-After header, here a short one.
			return retry.After(5*time.Millisecond, errors.New("429 Too Many Requests"))
		}
		return nil
	})
	fmt.Println(calls, err)
	// Output: 2 <nil>
}

func ExamplePolicy_afterAttempt() {
	p := retry.Policy{BaseDelay: time.Millisecond, AfterAttempt: func(_ context.Context, a retry.Attempt) {
		switch {
		case a.Err == nil:
			fmt.Printf("%s: attempt %d succeeded\n", a.Operation, a.Number)
		case a.Stop != nil:
			fmt.Printf("%s: attempt %d failed: %v; %v\n", a.Operation, a.Number, a.Err, a.Stop)
		default:
			fmt.Printf("%s: attempt %d failed: %v; next in %v\n", a.Operation, a.Number, a.Err, a.NextDelay)
		}
	}}
	calls := 0
	_ = retry.Do(context.Background(), "data_load", p, func(context.Context) error {
		if calls++; calls < 2 {
			return errors.New("connection refused")
		}
		return nil
	})
	// Output:
	// data_load: attempt 1 failed: connection refused; next in 1ms
	// data_load: attempt 2 succeeded
}

func ExamplePolicy_Delay() {
	p := retry.Policy{BaseDelay: 2 * time.Second}
	for n := 1; n <= 5; n++ {
		fmt.Print(p.Delay(n), " ")
	}
	// Output: 2s 4s 8s 16s 30s
}

func ExampleAttemptFromContext() {
	p := retry.Policy{MaxRetries: 2, BaseDelay: retry.NoDelay}
	_ = retry.Do(context.Background(), "data_load", p, func(ctx context.Context) error {
		a, _ := retry.AttemptFromContext(ctx)
		fmt.Printf("%s attempt %d, %d retries left\n", a.Operation, a.Number, a.RetriesLeft)
		return errors.New("not yet")
	})
	// Output:
	// data_load attempt 1, 2 retries left
	// data_load attempt 2, 1 retries left
	// data_load attempt 3, 0 retries left
}
