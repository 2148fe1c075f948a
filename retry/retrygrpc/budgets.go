package retrygrpc

import (
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/backspan/backspan/retry"
)

// budgets are one for each target. A program that dials ever new targets has one for all beyond the first thousand.
type budgets struct {
	known sync.Map // from the target to its *retry.Budget
	made  atomic.Int64
}

const (
	maxBudgets   = 1_000
	otherTargets = "other targets"
)

func (b *budgets) of(cc *grpc.ClientConn) *retry.Budget {
	var target string
	if cc != nil { // in tests of interceptors
		target = cc.CanonicalTarget()
	}
	if budget, ok := b.known.Load(target); ok {
		return budget.(*retry.Budget)
	}
	if b.made.Add(1) > maxBudgets {
		target = otherTargets
	}
	made, _ := retry.NewBudget(retry.BudgetOptions{Name: target}) // only a Capacity can be wrong
	budget, _ := b.known.LoadOrStore(target, made)
	return budget.(*retry.Budget)
}
