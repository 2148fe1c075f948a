package run

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// ending is err, as the last line tells it: without what stands above it already. That is what the commands wrote to
// stderr, why each of several phases failed, and that phases were cancelled with the run.
func ending(err error) error {
	switch e := err.(type) { //nolint:errorlint // each layer is rebuilt
	case nil:
		return nil
	case *orchestrator.Error:
		return endingOfRun(e)
	case *retry.Error:
		return endingOfLoop(e)
	case interface{ Ending() string }:
		return errors.New(e.Ending())
	}
	if inner := errors.Unwrap(err); inner != nil && inner.Error() == err.Error() { // a mark, as of retry.Permanent
		return ending(inner)
	}
	return err
}

func endingOfRun(e *orchestrator.Error) error {
	short := *e
	short.Phases = slices.DeleteFunc(slices.Clone(e.Phases), func(phase *retry.Error) bool {
		return phase.Reason == retry.ErrCancelled
	})
	if len(short.Phases) == 1 {
		short.Phases[0] = endingOfLoop(short.Phases[0])
	}
	if len(short.Phases) <= 1 {
		return &short
	}
	const most = 10
	var names []string
	for i, phase := range short.Phases {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(short.Phases)-most))
			break
		}
		names = append(names, phase.Operation)
	}
	short.Phases = nil
	return fmt.Errorf("%w: %s", &short, strings.Join(names, ", "))
}

func endingOfLoop(e *retry.Error) *retry.Error {
	short := *e
	short.Err, short.First = ending(e.Err), ending(e.First)
	return &short
}
