package plan

import (
	"encoding/json"
	"math"
	"time"

	"github.com/backspan/backspan/retry"
)

// seconds is a duration that JSON has in seconds.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// rounded is d to the microsecond: its multiplier may give a wait more digits than anybody wants to read.
func rounded(d time.Duration) seconds { return seconds(d.Round(time.Microsecond)) }

// delaysInJSON bounds the list of a policy with a million retries.
const delaysInJSON = 100

// policy is a retry policy whose JSON lists its waits.
type policy retry.Policy

func (p policy) MarshalJSON() ([]byte, error) {
	out := struct {
		MaxRetries     *int      `json:"max_retries"` // null: no limit
		Delays         []seconds `json:"delays"`      // the first ones, each the longest that it can be
		Jitter         string    `json:"jitter"`
		AttemptTimeout seconds   `json:"attempt_timeout,omitempty"`
		MaxElapsed     seconds   `json:"max_elapsed,omitempty"`
	}{
		Delays: []seconds{}, Jitter: p.Jitter.String(),
		AttemptTimeout: seconds(p.AttemptTimeout), MaxElapsed: seconds(p.MaxElapsed),
	}
	if p.MaxRetries != retry.Unlimited {
		n := max(p.MaxRetries, 0) // retry.Never is negative
		out.MaxRetries = &n
	}
	for n, d := range longestDelays(retry.Policy(p)) {
		if n > delaysInJSON {
			break
		}
		out.Delays = append(out.Delays, rounded(d))
	}
	return json.Marshal(out)
}

// MarshalJSON leaves out or nulls what has no limit.
func (b Bound) MarshalJSON() ([]byte, error) {
	var out struct {
		Commands *int     `json:"commands"` // null: no limit
		Waits    *seconds `json:"waits"`
		Time     *seconds `json:"time"`
		Endless  string   `json:"no_limit,omitempty"`
	}
	out.Endless = b.Endless
	if b.Commands < math.MaxInt {
		out.Commands = &b.Commands
	}
	if waits := rounded(b.Waits); b.Waits < forever {
		out.Waits = &waits
	}
	if most := rounded(b.Time); b.Endless == "" {
		out.Time = &most
	}
	return json.Marshal(out)
}
