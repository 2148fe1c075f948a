package exec

import (
	"errors"
	"math"
	"strconv"

	"github.com/backspan/backspan/retry"
)

// retryCount is the value of --max-retries: a number, or unlimited.
type retryCount int

const unlimited = "unlimited"

// String is the value as Set takes it.
func (n *retryCount) String() string {
	if int(*n) == retry.Unlimited {
		return unlimited
	}
	return strconv.Itoa(int(*n))
}

// Type is what help shows in place of the value.
func (n *retryCount) Type() string { return "number|" + unlimited }

// Set takes a number, 0 included, or unlimited.
func (n *retryCount) Set(text string) error {
	if text == unlimited {
		*n = retryCount(retry.Unlimited)
		return nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 || number > math.MaxInt32 {
		return errors.New("want a whole number, 0 or more, or " + unlimited)
	}
	*n = retryCount(number)
	return nil
}
