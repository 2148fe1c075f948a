// Non-retryable shows the three ways to say that an error is not worth another attempt.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/backspan/backspan/retry"
)

var (
	errConfig    = errors.New("unknown exchange")
	errTemporary = errors.New("service unavailable")
)

func main() {
	ctx := context.Background()
	calls := 0

	// 1. The operation says so itself. The mark survives wrapping.
	err := retry.Do(ctx, "read_config", retry.Policy{}, func(context.Context) error {
		calls++
		return fmt.Errorf("config.yaml: %w", retry.Permanent(errConfig))
	})
	fmt.Printf("%v (calls: %d)\n", err, calls)

	// 2. The policy tells the errors apart.
	calls = 0
	policy := retry.Policy{
		BaseDelay: retry.NoDelay,
		Retryable: func(err error) bool { return errors.Is(err, errTemporary) },
	}
	err = retry.Do(ctx, "call_exchange", policy, func(context.Context) error {
		if calls++; calls == 1 {
			return errTemporary
		}
		return errConfig
	})
	fmt.Printf("%v (calls: %d)\n", err, calls)

	// 3. The caller asks afterwards why it stopped.
	switch {
	case errors.Is(err, retry.ErrPermanent):
		fmt.Println("mend the cause, do not try again")
	case errors.Is(err, retry.ErrExhausted):
		fmt.Println("try again later")
	}
}
