// A program that is not part of the project and imports it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/backspan/backspan/retry"
)

func main() {
	calls := 0
	policy := retry.Policy{BaseDelay: retry.NoDelay}
	err := retry.Do(context.Background(), "load", policy, func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("refused")
		}
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("calls:", calls)
}
