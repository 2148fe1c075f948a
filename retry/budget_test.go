package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

func budget(t *testing.T, capacity int) *retry.Budget {
	t.Helper()
	b, err := retry.NewBudget(retry.BudgetOptions{Name: "billing", Capacity: capacity})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// failing is an operation that fails n times before it succeeds.
func failing(n int, err error) func(context.Context) error {
	return func(context.Context) error {
		if n--; n >= 0 {
			return err
		}
		return nil
	}
}

func TestWhatABudgetTakesAndGets(t *testing.T) {
	errBusy := errors.New("busy")
	for name, c := range map[string]struct {
		before    int // failed retries that emptied it
		op        func(context.Context) error
		left      float64
		wantError error
	}{
		"full, and a first success":  {0, failing(0, nil), 10, nil},
		"a first success":            {2, failing(0, nil), 8.1, nil},
		"a retry that succeeds":      {2, failing(1, errBusy), 8, nil},
		"the second retry succeeds":  {2, failing(2, errBusy), 7, nil},
		"all retries fail":           {2, failing(9, errBusy), 5, retry.ErrExhausted},
		"asked for, and it succeeds": {2, failing(1, retry.After(time.Second, errBusy)), 8, nil},
		"asked for, and all fail": {
			2, failing(9, retry.After(time.Second, errBusy)), 6.8, retry.ErrExhausted,
		},
		"a permanent error":                   {2, failing(1, retry.Permanent(errBusy)), 8, retry.ErrPermanent},
		"one token left":                      {9, failing(9, errBusy), 0, retry.ErrBudget},
		"nothing left":                        {10, failing(9, errBusy), 0, retry.ErrBudget},
		"nothing left, but a first success":   {10, failing(0, nil), 0.1, nil},
		"0.1 left, and the server asked":      {10, failing(9, retry.After(time.Second, errBusy)), 0, retry.ErrBudget},
		"a retry that succeeds with the last": {9, failing(1, errBusy), 1, nil},
	} {
		b := budget(t, 0)
		ctx := retrytest.NoWait(t.Context())
		for range c.before {
			if err := retry.Do(ctx, "before", retry.Policy{MaxRetries: 1, Budget: b}, failing(9, errBusy)); err == nil {
				t.Fatal("no error")
			}
		}
		err := retry.Do(ctx, "call", retry.Policy{Budget: b}, c.op)
		if !errors.Is(err, c.wantError) || b.Tokens() != c.left {
			t.Errorf("%s: error %v, %v tokens left; want %v, %v", name, err, b.Tokens(), c.wantError, c.left)
		}
	}
}

func TestAnEmptyBudgetSaysSo(t *testing.T) {
	b := budget(t, 1)
	ctx, rec := retrytest.Record(t, t.Context())
	calls := 0
	err := retry.Do(retrytest.NoWait(ctx), "call", retry.Policy{Budget: b}, func(context.Context) error {
		calls++
		return errors.New("busy")
	})
	const want = `call: out of retry budget after 2 attempts (budget "billing" has 0 tokens and a retry takes 1; ` +
		`a nil Policy.Budget or NoBudget turns it off): busy`
	e, ok := errors.AsType[*retry.Error](err)
	if !ok || e.Reason != retry.ErrBudget || err.Error() != want || calls != 2 {
		t.Errorf("after %d calls: %v\nwant %s", calls, err, want)
	}
	var told []string
	for _, span := range rec.Spans() {
		values := map[attribute.Key]string{}
		for _, kv := range span.Attributes() {
			values[kv.Key] = kv.Value.String()
		}
		told = append(told, fmt.Sprintf("%s name=%s tokens=%s outcome=%s result=%s", span.Name(),
			values["retry.budget.name"], values["retry.budget.tokens"], values["retry.outcome"],
			values["retry.result"]))
	}
	wantSpans := []string{
		"attempt 1 name=billing tokens=0 outcome= result=retrying",
		"attempt 2 name=billing tokens=0 outcome=budget result=failed",
		"call name=billing tokens= outcome=budget result=",
	}
	if strings.Join(told, "\n") != strings.Join(wantSpans, "\n") {
		t.Errorf("spans:\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(wantSpans, "\n"))
	}
}

// What comes back goes into a budget as far as it has room: others may have filled it in the meantime.
func TestABudgetHasNoMoreThanItsCapacity(t *testing.T) {
	b := budget(t, 2)
	ctx := retrytest.NoWait(t.Context())
	first := true
	err := retry.Do(ctx, "call", retry.Policy{Budget: b}, func(ctx context.Context) error {
		if first {
			first = false
			return errors.New("busy")
		}
		for range 5 { // the token of this retry is out, and half of it comes from others
			if err := retry.Do(ctx, "other", retry.Policy{Budget: b}, failing(0, nil)); err != nil {
				t.Error(err)
			}
		}
		if got := b.Tokens(); got != 1.5 {
			t.Errorf("%v tokens during the retry, want 1.5", got)
		}
		return nil
	})
	if err != nil || b.Tokens() != 2 {
		t.Errorf("error %v, %v tokens; want the capacity of 2", err, b.Tokens())
	}
}

// A wait that is cancelled was no load, and neither was one that a panic of the hook prevented.
func TestARetryThatIsNotMadeIsNotPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget(t, 2)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("shutting down"))
		defer cancel()
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // no deadline, or no wait would begin
		time.AfterFunc(time.Second, stop)
		err := retry.Do(ctx, "call", retry.Policy{BaseDelay: 10 * time.Second, Budget: b},
			failing(9, errors.New("busy")))
		if !errors.Is(err, retry.ErrCancelled) || b.Tokens() != 2 {
			t.Errorf("cancelled: %v, %v tokens", err, b.Tokens())
		}
		func() {
			defer func() { _ = recover() }()
			_ = retry.Do(t.Context(), "call",
				retry.Policy{Budget: b, AfterAttempt: func(context.Context, retry.Attempt) {
					panic("hook")
				}}, failing(9, errors.New("busy")))
		}()
		if b.Tokens() != 2 {
			t.Errorf("a panic of the hook: %v tokens", b.Tokens())
		}
	})
}

func TestBadBudgets(t *testing.T) {
	for _, capacity := range []int{-1, 2_000_000_000} {
		var bad *retry.FieldError
		if _, err := retry.NewBudget(retry.BudgetOptions{Capacity: capacity}); !errors.As(err, &bad) ||
			bad.Field != "BudgetOptions.Capacity" {
			t.Errorf("capacity %d: %v", capacity, err)
		}
	}
	var bad *retry.FieldError
	if err := (retry.Policy{Budget: new(retry.Budget)}).Validate(); !errors.As(err, &bad) ||
		bad.Field != "Policy.Budget" {
		t.Errorf("a zero Budget: %v", err)
	}
	if got := (retry.Policy{Budget: budget(t, 0)}).String(); !strings.Contains(got, `budget "billing"`) {
		t.Errorf("String: %s", got)
	}
}

// What is taken and given at the same time adds up.
func TestABudgetUnderLoad(t *testing.T) {
	b := budget(t, 1000)
	var failed atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for n := range 50 {
				op := failing((i+n)%3, errors.New("busy")) // succeeds at attempt 1, 2 or 3
				if (i+n)%3 == 2 {
					failed.Add(1) // the first of two retries fails
				}
				err := retry.Do(t.Context(), "call", retry.Policy{BaseDelay: retry.NoDelay, Budget: b}, op)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	// First successes may have been added while it was full.
	if left := b.Tokens(); left > 1000 || left < 1000-float64(failed.Load()) {
		t.Errorf("%v tokens left after %d failed retries", left, failed.Load())
	}
}
