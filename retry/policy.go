package retry

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/fielderror"
)

// A Policy says how an operation is retried. It is a plain value: copy it, share it between goroutines, print it.
// The zero Policy allows 3 retries after the first attempt, after waits of 1s, 2s and 4s.
//
// In every field 0 means the default; where zero itself is meant, the constants Never and NoDelay say so.
type Policy struct {
	// MaxRetries is how many attempts may follow the first one. 0 means DefaultMaxRetries; Never makes one
	// attempt only; Unlimited goes on until the operation succeeds, fails for good, or the context ends.
	MaxRetries int

	// BaseDelay is the wait before the first retry, at most MaxDelay. 0 means DefaultBaseDelay, or MaxDelay if that is
	// less; NoDelay retries at once.
	BaseDelay time.Duration

	// MaxDelay caps every computed wait, jitter included. 0 means DefaultMaxDelay. Only After can ask for a longer one.
	MaxDelay time.Duration

	// Multiplier is the growth of the wait from one retry to the next, at least 1. 0 means DefaultMultiplier.
	Multiplier float64

	// Jitter spreads the waits of many callers. The default, NoJitter, waits exactly what Delay says.
	Jitter Jitter

	// AttemptTimeout bounds each attempt by a deadline on its context. An attempt that ran into it is retried
	// like any other failure. 0 means no bound.
	//
	// What the last attempt hands out (the body of a response, rows, a stream) may go on using its context: when the
	// attempt has ended, the timeout no longer holds, and the context ends when that of Do does. Two limits: when
	// somebody has read the context's Deadline, the timeout still holds, because he may rely on it. gRPC does so, and
	// so does context.WithTimeout, and with it the Timeout of an http.Client: put that on the context of Do instead.
	// And a goroutine that only waits for ctx.Done(), and keeps neither ctx nor a context derived from it, may miss
	// the end of Do's context.
	AttemptTimeout time.Duration

	// MaxElapsed bounds the whole operation: a wait that would end later than this after the start is not
	// begun. It does not interrupt a running attempt; a context deadline does. 0 means no bound.
	MaxElapsed time.Duration

	// MaxAfter is the longest wait that a server may ask for with After; beyond it the loop ends with ErrRetryLater.
	// 0 means the larger of DefaultMaxAfter and MaxDelay.
	MaxAfter time.Duration

	// Retryable says whether this loop may make another attempt after an error. nil means after every error. A loop
	// that it stops ends with ErrNotRetryable; loops around decide for themselves. An error marked with Permanent is
	// not retried, whatever Retryable answers. It must be safe for concurrent use.
	Retryable func(error) bool

	// Budget bounds the retries of all operations that share it, so that they do not become a storm. nil: no bound.
	Budget *Budget

	// AfterAttempt is called after every attempt, the last one included, with the context given to Do plus the
	// operation's span: for logs and metrics of your own. The attempt's span has ended, and the wait before the next
	// attempt begins when it returns. It is called after a panic too, and not again for an operation that stops
	// during a wait. It must be safe for concurrent use.
	AfterAttempt func(context.Context, Attempt)

	// Spans says which attempts are spans. The default, EveryAttempt, shows all. A phase of a pipeline always does.
	Spans Spans
}

// The defaults of the fields of Policy.
const (
	DefaultMaxRetries = 3
	DefaultBaseDelay  = 1 * time.Second
	DefaultMaxDelay   = 30 * time.Second
	DefaultMultiplier = 2.0
	DefaultMaxAfter   = 2 * time.Minute
)

// Values with a meaning of their own. Each has the type of its field, so that one in the wrong field does not compile.
const (
	Never     int           = math.MinInt   // MaxRetries: no retry at all
	Unlimited int           = math.MaxInt   // MaxRetries: no limit
	NoDelay   time.Duration = math.MinInt64 // BaseDelay: retry at once
)

// A Jitter is a way to spread waits, so that callers that failed together do not come back together.
// The words are those of "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
type Jitter uint8

// The jitters.
const (
	NoJitter           Jitter = iota // the exact delay
	FullJitter                       // anywhere from 0 to the delay
	EqualJitter                      // anywhere from half the delay to the delay
	DecorrelatedJitter               // anywhere from BaseDelay to 3 × the wait before, capped by MaxDelay
)

var jitterNames = [...]string{"none", "full", "equal", "decorrelated"}

// String returns the jitter's name as flags and files spell it: none, full, equal or decorrelated.
func (j Jitter) String() string {
	if int(j) < len(jitterNames) {
		return jitterNames[j]
	}
	return fmt.Sprintf("Jitter(%d)", uint8(j))
}

// ParseJitter is the reverse of Jitter.String.
func ParseJitter(name string) (Jitter, error) {
	for j, known := range jitterNames {
		if name == known {
			return Jitter(j), nil
		}
	}
	want := "one of " + strings.Join(jitterNames[:], ", ")
	return 0, &FieldError{Field: "Jitter", Value: strconv.Quote(name), Want: want}
}

// Spans says which attempts of an operation become spans. The operation itself always does.
type Spans uint8

const (
	// EveryAttempt makes a span of each attempt.
	EveryAttempt Spans = iota

	// FromFirstFailure makes none of a first attempt that succeeds, which on hot paths saves about half of what
	// tracing such an operation costs. A first attempt that fails gets its span when it has, with the time at which
	// it began; so the event log and everything else that looks for failures sees the same as ever.
	//
	// The price: while the first attempt runs its span does not exist. What it calls hangs below the operation's
	// span, beside the attempts and not below the first; and who counts spans of attempts finds none for an
	// operation that succeeded at first (retry.attempts, on the operation, still says 1).
	FromFirstFailure
)

var spansNames = [...]string{"every attempt", "from the first failure"}

// String returns "every attempt" or "from the first failure".
func (s Spans) String() string {
	if int(s) < len(spansNames) {
		return spansNames[s]
	}
	return fmt.Sprintf("Spans(%d)", uint8(s))
}

// A FieldError says which input cannot be used. The FieldErrors of packages orchestrator and telemetry have the same
// fields and the same text.
type FieldError struct {
	Field string // a field or an argument, for example Policy.MaxRetries or ctx
	Value string // as Error shows it: texts in quotes
	Want  string // what would be right
	Err   error  // what is wrong with the value, where there is more to say; may be nil
}

// Error reads like "retry: Policy.MaxDelay is -1s, want 0 or more".
func (e *FieldError) Error() string { return "retry: " + (*fielderror.Error)(e).Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// Validate returns a *FieldError for the first field that cannot be used, or nil. Do and Value call it before
// the first attempt.
func (p Policy) Validate() error { return p.validate() }

func (p *Policy) validate() error {
	if bad := p.check("Policy"); bad != nil {
		return (*FieldError)(bad)
	}
	return nil
}

// check returns the first field that cannot be used, or nil. name is what the policy is called, for example
// Pipeline.Recovery.
func (p *Policy) check(name string) *fielderror.Error {
	bad := func(field string, value any, want string) *fielderror.Error {
		return &fielderror.Error{Field: name + "." + field, Value: fmt.Sprint(value), Want: want}
	}
	switch {
	case p.MaxRetries < 0 && p.MaxRetries != Never:
		return bad("MaxRetries", p.MaxRetries, "0 or more, retry.Never or retry.Unlimited")
	case p.BaseDelay < 0 && p.BaseDelay != NoDelay:
		return bad("BaseDelay", brief(p.BaseDelay), "0 or more, or retry.NoDelay")
	case p.MaxDelay < 0:
		return bad("MaxDelay", brief(p.MaxDelay), "0 or more")
	case p.BaseDelay > cmp.Or(p.MaxDelay, DefaultMaxDelay):
		most := name + ".MaxDelay, which is " + brief(p.MaxDelay)
		if p.MaxDelay == 0 {
			most = brief(DefaultMaxDelay) + " unless " + name + ".MaxDelay is set too"
		}
		return bad("BaseDelay", brief(p.BaseDelay), "at most "+most)
	case p.Multiplier != 0 && !(p.Multiplier >= 1 && p.Multiplier <= math.MaxFloat64): // NaN fails every comparison
		return bad("Multiplier", p.Multiplier, "a finite number of at least 1")
	case p.Jitter > DecorrelatedJitter:
		return bad("Jitter", p.Jitter, "one of the Jitter constants")
	case p.AttemptTimeout < 0:
		return bad("AttemptTimeout", brief(p.AttemptTimeout), "0 or more")
	case p.MaxElapsed < 0:
		return bad("MaxElapsed", brief(p.MaxElapsed), "0 or more")
	case p.MaxAfter < 0:
		return bad("MaxAfter", brief(p.MaxAfter), "0 or more")
	case p.Budget != nil && p.Budget.capacity == 0:
		return bad("Budget", "a zero Budget", "one of retry.NewBudget, or nil")
	case p.Spans > FromFirstFailure:
		return bad("Spans", p.Spans, "one of the Spans constants")
	}
	return nil
}

// WithDefaults returns p with its zero fields replaced by what they mean. Never, Unlimited and NoDelay stay.
func (p Policy) WithDefaults() Policy {
	p.fillDefaults()
	return p
}

func (p *Policy) fillDefaults() {
	if p.MaxRetries == 0 {
		p.MaxRetries = DefaultMaxRetries
	}
	if p.MaxDelay == 0 {
		p.MaxDelay = DefaultMaxDelay
	}
	if p.BaseDelay == 0 {
		p.BaseDelay = min(DefaultBaseDelay, p.MaxDelay)
	}
	if p.Multiplier == 0 {
		p.Multiplier = DefaultMultiplier
	}
	if p.MaxAfter == 0 {
		p.MaxAfter = max(DefaultMaxAfter, p.MaxDelay)
	}
}

// String describes the policy in one line, defaults filled in: "3 retries, 1s ×2 up to 30s".
func (p Policy) String() string {
	p = p.WithDefaults()
	var b strings.Builder
	switch p.MaxRetries {
	case Never:
		return "no retries"
	case Unlimited:
		b.WriteString("unlimited retries")
	case 1:
		b.WriteString("1 retry")
	default:
		fmt.Fprintf(&b, "%d retries", p.MaxRetries)
	}
	if p.BaseDelay == NoDelay {
		b.WriteString(", no delay")
	} else {
		fmt.Fprintf(&b, ", %s ×%v up to %s", brief(p.BaseDelay), p.Multiplier, brief(p.MaxDelay))
	}
	if p.Jitter != NoJitter {
		fmt.Fprintf(&b, ", %v jitter", p.Jitter)
	}
	if p.AttemptTimeout > 0 {
		fmt.Fprintf(&b, ", %s per attempt", brief(p.AttemptTimeout))
	}
	if p.MaxElapsed > 0 {
		fmt.Fprintf(&b, ", %s in all", brief(p.MaxElapsed))
	}
	if p.Budget != nil {
		fmt.Fprintf(&b, ", budget %s", strconv.Quote(p.Budget.name))
	}
	if p.Spans != EveryAttempt {
		fmt.Fprintf(&b, ", spans %v", p.Spans)
	}
	return b.String()
}
