package retry

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/fielderror"
)

func init() {
	decide.For = func(policy any, e decide.Ended) decide.Decision {
		p := policy.(Policy).WithDefaults()
		return p.decide(e)
	}
	decide.Check = func(policy any, name string) *fielderror.Error {
		p := policy.(Policy)
		if p.Budget != nil { // an engine that replays its decisions could not take the same token twice
			return &fielderror.Error{
				Field: name + ".Budget", Value: strconv.Quote(p.Budget.name),
				Want: "nil; operations in the phases have budgets",
			}
		}
		return p.check(name)
	}
	decide.Take = func(budget any, next decide.Decision) (taken int64, ok bool) {
		cost := costOf(next)
		_, ok = budget.(*Budget).take(cost)
		return cost, ok
	}
	decide.Give = func(budget any, taken int64) {
		if taken == 0 {
			taken = firstAdds
		}
		budget.(*Budget).give(taken)
	}
	decide.Do = func(
		ctx context.Context, name string, policy any, op func(context.Context) error, retrying func(),
	) error {
		below, o, err := begin(ctx, name, policy.(*Policy), op, retrying)
		if o == nil {
			return err
		}
		return o.goOn(below, op)
	}
	decide.Describe = func(stopped any, limit int) string { return stopped.(*Error).bounded(limit) }
}

// decide is the one place where it is decided whether an attempt is followed by another. It is pure, so every engine
// that runs attempts (the loop of this package, the orchestrator's, one that replays its history) comes to the same
// decision. The policy's defaults must be filled in.
func (p *Policy) decide(e decide.Ended) decide.Decision {
	if e.Err == nil {
		return decide.Decision{}
	}
	permanent, throttled, asked := marks(e.Err)
	d := decide.Decision{Asked: asked}
	switch {
	// The context comes first, and by its own word: an operation's error may look like a cancellation and be
	// none (its own inner timeout), or be one and look like something else.
	case e.Context != nil:
		d.Reason, d.Cause = contextReason(e.Context), e.Cause
	case permanent:
		d.Reason = ErrPermanent
	case p.Retryable != nil && !p.Retryable(e.Err):
		d.Reason = ErrNotRetryable
	case e.Attempt > p.MaxRetries:
		d.Reason = ErrExhausted
	default:
		p.fit(&d, e, throttled)
	}
	return d
}

// fit decides for another attempt if the wait before it fits into every limit.
func (p *Policy) fit(d *decide.Decision, e decide.Ended, throttled bool) {
	if throttled && p.BaseDelay != NoDelay {
		patient := *p
		patient.BaseDelay = max(p.BaseDelay, min(throttledBase, p.MaxDelay))
		p = &patient
	}
	backoff := p.jitteredDelay(e.Attempt, e.Previous, e.Random)
	wait := max(backoff, d.Asked)
	if p.Jitter != NoJitter && d.Asked > 0 {
		// Callers told at the same moment must not retry together, nor before the time asked.
		wait = d.Asked + min(backoff, math.MaxInt64-d.Asked)
	}
	switch {
	case d.Asked > p.MaxAfter && d.Asked > backoff:
		d.Reason, d.Cause = ErrRetryLater, misfit{d.Asked, "MaxAfter", p.MaxAfter}
	// A wait that ends at the context's deadline leaves no time for the attempt after it.
	case e.HasDeadline && wait >= e.Remaining:
		d.Reason, d.Cause = ErrDeadline, misfit{wait, "the context's deadline in", max(0, e.Remaining)}
	case p.MaxElapsed > 0 && wait > p.MaxElapsed-e.Elapsed:
		d.Reason, d.Cause = ErrDeadline, misfit{wait, "MaxElapsed", p.MaxElapsed}
	default:
		d.Retry, d.Delay = true, wait
	}
}

// contextReason turns the Err() of a context that is done into the reason of a stop.
func contextReason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrDeadline
	}
	return ErrCancelled
}

// A misfit is a wait that does not fit into a limit.
type misfit struct {
	wait  time.Duration
	limit string
	size  time.Duration
}

func (m misfit) Error() string {
	return "waiting " + brief(m.wait) + " would pass " + m.limit + " " + brief(m.size)
}
