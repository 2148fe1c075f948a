package retry_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/backspan/backspan/retry"
)

func TestValidateNamesTheField(t *testing.T) {
	for want, p := range map[string]retry.Policy{
		"retry: Policy.MaxRetries is -3, want 0 or more, retry.Never or retry.Unlimited":    {MaxRetries: -3},
		"retry: Policy.MaxRetries is -1, want 0 or more, retry.Never or retry.Unlimited":    {MaxRetries: -1},
		"retry: Policy.BaseDelay is -1ns, want 0 or more, or retry.NoDelay":                 {BaseDelay: -1},
		"retry: Policy.BaseDelay is 1m, want at most 30s unless Policy.MaxDelay is set too": {BaseDelay: time.Minute},
		"retry: Policy.BaseDelay is 2s, want at most Policy.MaxDelay, which is 500ms": {
			BaseDelay: 2 * time.Second, MaxDelay: 500 * time.Millisecond,
		},
		"retry: Policy.MaxDelay is -1h, want 0 or more":                        {MaxDelay: -time.Hour},
		"retry: Policy.MaxDelay is -1s, want 0 or more":                        {MaxDelay: -time.Second},
		"retry: Policy.Multiplier is NaN, want a finite number of at least 1":  {Multiplier: math.NaN()},
		"retry: Policy.Multiplier is +Inf, want a finite number of at least 1": {Multiplier: math.Inf(1)},
		"retry: Policy.Multiplier is 0.5, want a finite number of at least 1":  {Multiplier: 0.5},
		"retry: Policy.Multiplier is -2, want a finite number of at least 1":   {Multiplier: -2},
		"retry: Policy.Jitter is Jitter(9), want one of the Jitter constants":  {Jitter: 9},
		"retry: Policy.AttemptTimeout is -1ns, want 0 or more":                 {AttemptTimeout: -1},
		"retry: Policy.MaxElapsed is -1ns, want 0 or more":                     {MaxElapsed: -1},
		"retry: Policy.MaxAfter is -1ns, want 0 or more":                       {MaxAfter: -1},
		"retry: Policy.Spans is Spans(9), want one of the Spans constants":     {Spans: 9},
	} {
		err := p.Validate()
		var field *retry.FieldError
		if !errors.As(err, &field) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	for _, p := range []retry.Policy{
		{},
		{MaxRetries: retry.Never, BaseDelay: retry.NoDelay},
		{MaxRetries: retry.Unlimited, Multiplier: 1, Jitter: retry.DecorrelatedJitter},
		{MaxDelay: 500 * time.Millisecond},
		{BaseDelay: time.Minute, MaxDelay: time.Minute},
		{BaseDelay: retry.NoDelay, MaxDelay: 1},
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%v: %v, want no error", p, err)
		}
	}
}

func TestPolicyPrints(t *testing.T) {
	for want, p := range map[string]retry.Policy{
		"3 retries, 1s ×2 up to 30s":      {},
		"3 retries, 500ms ×2 up to 500ms": {MaxDelay: 500 * time.Millisecond},
		"3 retries, 1m ×2 up to 1h, 1m30s in all": {
			BaseDelay: time.Minute, MaxDelay: time.Hour, MaxElapsed: 90 * time.Second,
		},
		"no retries": {MaxRetries: retry.Never},
		"3 retries, 1s ×2 up to 30s, spans from the first failure": {Spans: retry.FromFirstFailure},
		"unlimited retries, no delay": {
			MaxRetries: retry.Unlimited, BaseDelay: retry.NoDelay,
		},
		"1 retry, 5ms ×1.5 up to 1s, full jitter, 2s per attempt, 10s in all": {
			1, 5 * time.Millisecond, time.Second, 1.5, retry.FullJitter, 2 * time.Second, 10 * time.Second,
			0, nil, nil, nil, 0,
		},
	} {
		if got := fmt.Sprint(p); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestParseJitter(t *testing.T) {
	for j := retry.NoJitter; j <= retry.DecorrelatedJitter; j++ {
		if got, err := retry.ParseJitter(j.String()); got != j || err != nil {
			t.Errorf("ParseJitter(%q) = %v, %v", j.String(), got, err)
		}
	}
	_, err := retry.ParseJitter("ful")
	want := `retry: Jitter is "ful", want one of none, full, equal, decorrelated`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
