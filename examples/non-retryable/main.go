// Non-retryable shows the three ways to say that an error is not worth another attempt.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

var (
	errConfig    = errors.New("unknown exchange")
	errTemporary = errors.New("service unavailable")
)

func main() {
	ctx := context.Background()
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "non-retryable", Discover: true})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()
	calls := 0

	// 1. The operation says so itself, to this loop and every one around it. The mark survives wrapping.
	err = retry.Do(ctx, "read_config", retry.Policy{}, func(context.Context) error {
		calls++
		return fmt.Errorf("config.yaml: %w", retry.Permanent(errConfig))
	})
	fmt.Printf("%v (calls: %d)\n", err, calls)

	// 2. The policy of this loop tells the errors apart. A loop around decides for itself.
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

	// 3. The caller asks afterwards why the loop stopped.
	if e, ok := errors.AsType[*retry.Error](err); ok {
		switch e.Reason {
		case retry.ErrPermanent, retry.ErrNotRetryable:
			fmt.Println("mend the cause, do not try again")
		case retry.ErrExhausted:
			fmt.Println("try again later")
		case retry.ErrRetryLater:
			fmt.Println("try again after", e.After)
		}
	}
}
