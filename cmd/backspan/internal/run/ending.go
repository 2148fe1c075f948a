package run

import (
	"errors"
	"slices"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// ending is err, as the last line tells it: without what the commands wrote to stderr, which is on the screen already.
func ending(err error) error {
	switch e := err.(type) { //nolint:errorlint // each layer is rebuilt
	case nil:
		return nil
	case *orchestrator.Error:
		short := *e
		short.Phases = slices.Clone(e.Phases)
		for i, phase := range short.Phases {
			short.Phases[i] = endingOfLoop(phase)
		}
		return &short
	case *retry.Error:
		return endingOfLoop(e)
	case *command.Error:
		return errors.New(e.Ending())
	}
	if inner := errors.Unwrap(err); inner != nil && inner.Error() == err.Error() { // a mark, as of retry.Permanent
		return ending(inner)
	}
	return err
}

func endingOfLoop(e *retry.Error) *retry.Error {
	short := *e
	short.Err, short.First = ending(e.Err), ending(e.First)
	return &short
}
