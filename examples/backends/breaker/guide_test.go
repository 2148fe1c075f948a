package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// The guide shows how to combine a retry with a circuit breaker: the breaker counts attempts, and an operation that
// meets it open ends at once. The lines between the two comments are the guide's.
func TestRetryWithACircuitBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, errDown := 0, errors.New("down")
		fetchRates := func(context.Context) error { calls++; return errDown }
		ctx, rec := retrytest.Record(t, t.Context())
		ctx = retrytest.NoWait(ctx)
		// begin
		// One breaker for each service. It opens after 5 failures in a row, for half a minute.
		breaker := circuitbreaker.NewBuilder[any]().WithFailureThreshold(5).WithDelay(30 * time.Second).Build()
		policy := retry.Policy{
			Retryable: func(err error) bool { return !errors.Is(err, circuitbreaker.ErrOpen) },
		}
		fetch := func(ctx context.Context) error {
			return retry.Do(ctx, "fetch_rates", policy, func(ctx context.Context) error {
				return failsafe.With[any](breaker).WithContext(ctx).Run(func() error { return fetchRates(ctx) })
			})
		}
		// end
		err := errors.Join(fetch(ctx), fetch(ctx)) // 4 attempts, then 1 and the breaker's refusal
		if calls != 5 || !errors.Is(err, circuitbreaker.ErrOpen) || !errors.Is(err, errDown) {
			t.Errorf("%d calls, error %v; want 5 calls, then the breaker's refusal", calls, err)
		}
		if tree := rec.Tree(); !strings.Contains(tree, "circuit breaker open") {
			t.Errorf("no attempt says that the breaker was open:\n%s", tree)
		}
	})
}

// The guide shows the code that is tested here.
func TestTheGuideShowsTheBreaker(t *testing.T) {
	source, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, tested, _ := strings.Cut(string(source), "// begin\n")
	tested, _, _ = strings.Cut(tested, "\t\t// end\n")
	guide, err := os.ReadFile("../../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(guide), "<!-- of: examples/backends/breaker/guide_test.go -->\n```go\n")
	shown, _, closed := strings.Cut(shown, "```")
	if got := strings.ReplaceAll("\n"+tested, "\n\t\t", "\n"); !found || !closed || got != "\n"+shown {
		t.Errorf("tested here:%s\ndocs/guide.md shows:\n%s", got, shown)
	}
}
