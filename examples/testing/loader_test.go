package loader_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	loader "github.com/backspan/backspan/examples/testing"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// flaky fails the first n calls.
func flaky(n int, calls *int) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		if *calls++; *calls <= n {
			return "", errors.New("simulated failure")
		}
		return "success", nil
	}
}

// The guide's test: it should succeed on the second attempt.
func TestRetryWithSimulatedFailure(t *testing.T) {
	calls := 0
	status, err := loader.Load(retrytest.NoWait(t.Context()), flaky(1, &calls))
	if err != nil || status != "success" || calls != 2 {
		t.Errorf("status %q, error %v after %d calls, want success after 2", status, err, calls)
	}
}

// The spans say more than a counter: every attempt, its delay and its error.
func TestTheStoryOfTheRetries(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	calls := 0
	_, err := loader.Load(retrytest.NoWait(ctx), flaky(9, &calls))
	if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrExhausted {
		t.Errorf("error %v, want it to be exhausted", err)
	}
	want := `load: exhausted after 4 attempts
  attempt 1: retrying in 1s: simulated failure
  attempt 2: retrying in 2s: simulated failure
  attempt 3: retrying in 4s: simulated failure
  attempt 4: failed: simulated failure
`
	if got := rec.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// Where the time matters, a synctest bubble has a clock that jumps over the waits.
func TestTheWaitsTakeSevenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, calls := time.Now(), 0
		if _, err := loader.Load(t.Context(), flaky(3, &calls)); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("took %v, want 1s+2s+4s", took)
		}
	})
}
