package retry

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/backspan/backspan/internal/decide"
)

// A Budget ends retry storms: when a service is down, every caller's retries multiply the load that keeps it down. It
// is a bucket of tokens that the operations which share it have together. A retry takes a token before its wait, or 0.4
// when the server asked for the wait. The retry that succeeds gives back what it took, and so does one whose wait is
// cancelled; one that fails does not. An operation that succeeds at its first attempt adds a tenth. Time adds nothing:
// while nothing succeeds there are no retries beyond the capacity. An operation that finds too little ends with
// ErrBudget.
//
// Share one between the operations that call the same service, by putting it into their policies. Steady failures of
// one request in five are all retried, and a fleet recovers from a stall that would last for ever without a bound
// (docs/scale.md has the figures). A program that makes few calls has few successes to pay with: command lines and
// batches should have none.
//
// Its methods may be called from many goroutines at once.
type Budget struct {
	name     string
	capacity int64 // in tenths, like all the rest
	left     atomic.Int64
}

// DefaultCapacity is how many tokens a full budget has.
const DefaultCapacity = 10

// What an operation takes from a budget and adds to it, in tenths of a token.
const (
	tenths     = 10
	retryCost  = 10 // of a retry
	askedCost  = 4  // of a retry whose wait the server asked for
	firstAdds  = 1  // an operation that succeeds at first
	maxBudgets = 1_000_000_000
)

// BudgetOptions say what a budget is. The zero BudgetOptions are right for most.
type BudgetOptions struct {
	// Name tells it from others, on spans and in metrics: the service that is called, most often.
	Name string

	// Capacity is how many tokens it has at most, and at first: from 1 to 1e9. 0 means DefaultCapacity.
	Capacity int
}

// NewBudget returns a full budget, or a *FieldError.
func NewBudget(o BudgetOptions) (*Budget, error) {
	if o.Capacity < 0 || o.Capacity > maxBudgets {
		return nil, &FieldError{
			Field: "BudgetOptions.Capacity", Value: strconv.Itoa(o.Capacity), Want: "0 to 1000000000",
		}
	}
	if o.Capacity == 0 {
		o.Capacity = DefaultCapacity
	}
	b := &Budget{name: o.Name, capacity: int64(o.Capacity) * tenths}
	b.left.Store(b.capacity)
	return b, nil
}

// Name is what the budget was called.
func (b *Budget) Name() string { return b.name }

// Tokens is how much is left, in tokens.
func (b *Budget) Tokens() float64 { return float64(b.left.Load()) / tenths }

// take takes cost if there is as much, and says how much is left.
func (b *Budget) take(cost int64) (left int64, ok bool) {
	for {
		left = b.left.Load()
		if left < cost {
			return left, false
		}
		if b.left.CompareAndSwap(left, left-cost) {
			return left - cost, true
		}
	}
}

// costOf is what the retry that was decided on takes.
func costOf(next decide.Decision) int64 {
	if next.Asked > 0 {
		return askedCost
	}
	return retryCost
}

// give adds n, up to the capacity. A full budget is not written to: in a healthy service all processors read it.
func (b *Budget) give(n int64) {
	for {
		left := b.left.Load()
		if left >= b.capacity || b.left.CompareAndSwap(left, min(b.capacity, left+n)) {
			return
		}
	}
}

// An emptyBudget says why a budget refused a retry, and how to do without.
type emptyBudget struct {
	name       string
	left, cost int64
}

func (e emptyBudget) Error() string {
	name := ""
	if e.name != "" {
		name = " " + strconv.Quote(e.name)
	}
	return fmt.Sprintf("budget%s has %v tokens and a retry takes %v; a nil Policy.Budget or NoBudget turns it off",
		name, float64(e.left)/tenths, float64(e.cost)/tenths)
}

// A payment is what an operation has to do with its policy's budget.
type payment struct {
	left  int64 // in the budget when it was asked last
	taken int16 // for the attempt that runs or is waited for: 0, retryCost or askedCost
	asked bool  // it was asked after the attempt that ended last
}

// pay takes the price of the retry that was decided on. When the budget has too little, the operation ends.
func (o *operation) pay() {
	o.payment = payment{}
	b := o.policy.Budget
	if b == nil || !o.next.Retry {
		return
	}
	cost := costOf(o.next)
	left, ok := b.take(cost)
	o.payment = payment{left: left, asked: true}
	if !ok {
		o.next = decide.Decision{Asked: o.next.Asked, Reason: ErrBudget, Cause: emptyBudget{b.name, left, cost}}
		return
	}
	o.payment.taken = int16(cost)
}

// earn adds what the attempt that succeeded is worth.
func (o *operation) earn() {
	if o.current.Number == 1 {
		o.policy.Budget.give(firstAdds)
	} else {
		o.refund()
	}
	o.payment.asked = false
}

// refund gives back what was taken for a retry that succeeded, or was not made.
func (o *operation) refund() {
	if o.payment.taken > 0 {
		o.policy.Budget.give(int64(o.payment.taken))
		o.payment.taken = 0
	}
}
