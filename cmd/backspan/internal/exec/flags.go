package exec

import (
	"errors"
	"math"
	"strconv"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/retry"
)

// retryCount is the value of --max-retries: a number, or unlimited.
type retryCount int

const unlimited = "unlimited"

// String is what Set takes.
func (n *retryCount) String() string {
	if *n == retry.Unlimited {
		return unlimited
	}
	return strconv.Itoa(int(*n))
}

// Type is what help shows in place of the value.
func (n *retryCount) Type() string { return "number|" + unlimited }

// Set takes a number, 0 included, or unlimited.
func (n *retryCount) Set(text string) error {
	if text == unlimited {
		*n = retry.Unlimited
		return nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 || number > math.MaxInt32 {
		return errors.New("want a whole number, 0 or more, or " + unlimited)
	}
	*n = retryCount(number)
	return nil
}

// endsFlag is the value of --retry-on and --stop-on, which add up when they are repeated.
type endsFlag struct{ command.Ends }

// Set adds ends to the set.
func (e *endsFlag) Set(text string) error { return e.Add(text) }

// Type is what help shows in place of the value.
func (e *endsFlag) Type() string { return "ends" }
