package retrytest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// A test runs code that retries, without its waits, and compares the tree of the attempts.
func Example() {
	t := new(testing.T) // the T of the test function
	ctx, rec := retrytest.Record(t, context.Background())

	calls := 0
	err := retry.Do(retrytest.NoWait(ctx), "market_data_fetch", retry.Policy{}, func(context.Context) error {
		if calls++; calls < 2 {
			return errors.New("connection refused")
		}
		return nil
	})
	fmt.Println("error:", err)
	fmt.Println("attempts:", rec.Attempts("market_data_fetch"))
	fmt.Print(rec.Tree())
	// Output:
	// error: <nil>
	// attempts: 2
	// market_data_fetch: recovered after 2 attempts
	//   attempt 1: retrying in 1s: connection refused
	//   attempt 2: success
}
