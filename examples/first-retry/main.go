// First-retry calls a flaky function until it succeeds. It is the guide's first example.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

var calls int

func fetchMarketData(context.Context) (string, error) {
	if calls++; calls < 3 {
		return "", errors.New("connection timeout")
	}
	return "BTC 64000", nil
}

func main() {
	ctx := context.Background()
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "first-retry", Discover: true})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()

	policy := retry.Policy{
		MaxRetries: 3,
		BaseDelay:  10 * time.Millisecond, // the default is 1s
		AfterAttempt: func(_ context.Context, a retry.Attempt) { // the context is for a logger that wants the trace
			if a.Err != nil {
				fmt.Printf("attempt %d failed (%v), next in %v\n", a.Number, a.Err, a.NextDelay)
			}
		},
	}
	data, err := retry.Value(ctx, "market_data_fetch", policy, fetchMarketData)
	fmt.Println(data, err)
}
