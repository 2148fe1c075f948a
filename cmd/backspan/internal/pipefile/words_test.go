package pipefile

import (
	"testing"
	"time"

	"github.com/backspan/backspan/retry"
)

func TestParsePolicy(t *testing.T) {
	p, budget, err := ParsePolicy("max_retries=unlimited, base_delay=250ms max_delay=3s multiplier=1.5 jitter=full" +
		" attempt_timeout=2s max_elapsed=1m budget=20")
	if err != nil {
		t.Fatal(err)
	}
	want := retry.Policy{
		MaxRetries: retry.Unlimited, BaseDelay: 250 * time.Millisecond, MaxDelay: 3 * time.Second, Multiplier: 1.5,
		Jitter: retry.FullJitter, AttemptTimeout: 2 * time.Second, MaxElapsed: time.Minute,
	}.WithDefaults()
	if got := p.Resolve(0); got.String() != want.String() || budget != 20 {
		t.Errorf("got %v and a budget of %d, want %v", got, budget, want)
	}
	if p, budget, err = ParsePolicy(""); err != nil || budget != 0 || p.MaxRetries != nil {
		t.Errorf("nothing said: got %+v, %d, %v", p, budget, err)
	}
	if p, _, err = ParsePolicy("max_retries=0 base_delay=0"); err != nil || p.Resolve(0).MaxRetries != retry.Never ||
		p.Resolve(0).BaseDelay != retry.NoDelay {
		t.Errorf("0 means 0: got %+v, %v", p.Resolve(0), err)
	}
}

func TestPoliciesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"max_retrys=2":                `unknown key "max_retrys"; did you mean "max_retries"?`,
		"max_retries":                 `"max_retries" is no key with its value, want for example max_retries=2`,
		"max_retries=":                `"max_retries=" is no key with its value, want for example max_retries=2`,
		"=2":                          `"=2" is no key with its value, want for example max_retries=2`,
		"max_retries=-1":              "max_retries: is -1, want 0 to 999999, or unlimited",
		"max_retries=2 max_retries=3": "max_retries: is there twice",
		"base_delay=2":                "base_delay: is 2, want a unit with it: 2s, or 2m for minutes",
		"base_delay=2s max_delay=1s":  "base_delay: is 2s, want at most max_delay, which is 1s",
		"jitter=ful":                  `jitter: is "ful"; did you mean "full"?`,
		"budget=0":                    "budget: is 0, want 1 to 1000000000 tokens",
		"multiplier=0.5 jitter=x": "multiplier: is 0.5, want a number of at least 1\n" +
			`jitter: is "x", want one of none, full, equal, decorrelated`,
	} {
		if _, _, err := ParsePolicy(text); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}
