package temporal

import (
	"errors"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// answers are what the loop was told, in order: played back, they give the same run again.
type answers struct {
	began time.Time
	list  []answer
}

// An answer is that of one method of the driver: exactly one field beside At is set.
type answer struct {
	At       time.Time
	Next     *engine.Completion
	Stopped  *engine.Stop
	CleansUp *bool
}

func (a *answers) add(next answer) { a.list = append(a.list, next) }

// replay returns a Driver that gives the answers again.
func (a *answers) replay() *replay { return &replay{now: a.began, left: a.list} }

type replay struct {
	now  time.Time
	left []answer
}

var _ engine.Driver[orchestrator.PhaseResult] = (*replay)(nil)

// take returns the next answer if it is the one that is asked for.
func (r *replay) take(wanted func(answer) bool) (a answer, ok bool) {
	if len(r.left) == 0 || !wanted(r.left[0]) {
		return answer{}, false
	}
	a, r.left = r.left[0], r.left[1:]
	r.now = a.At
	return a, true
}

func (r *replay) Now() time.Time { return r.now }

func (r *replay) Stopped() *engine.Stop {
	a, _ := r.take(func(a answer) bool { return a.Stopped != nil })
	return a.Stopped
}

func (r *replay) CleansUp() bool {
	a, ok := r.take(func(a answer) bool { return a.CleansUp != nil })
	return ok && *a.CleansUp
}

var errHistoryEnds = errors.New("the history ends before the run")

func (r *replay) Next() (engine.Completion, error) {
	a, ok := r.take(func(a answer) bool { return a.Next != nil })
	if !ok {
		return engine.Completion{}, errHistoryEnds
	}
	return *a.Next, nil
}

func (r *replay) BeginPhase(string)                               {}
func (r *replay) StartAttempt(engine.Task)                        {}
func (r *replay) StartTimer(engine.Wait)                          {}
func (r *replay) EndPhase(orchestrator.PhaseResult, *retry.Error) {}
