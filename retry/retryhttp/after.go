package retryhttp

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// after returns the wait that a response asks for. asked is false when it does not, or not in a form that is known. A
// date in the past and a negative number ask for a wait of 0. Numbers may have a fraction. A wait that is longer than a
// Duration can be is the longest one.
func after(h http.Header) (wait time.Duration, asked bool) {
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if wait, asked = number(h.Get(name), time.Millisecond); asked {
			return wait, true
		}
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" { // most often; the error of a time that cannot be read takes longer than a whole attempt
		return 0, false
	}
	if wait, asked = number(value, time.Second); asked {
		return wait, true
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // the server's clock, which need not be ours
	}
	return max(0, until.Sub(now)), true // Sub stops at the longest Duration
}

// number reads a decimal number of units. What only Go writes, as 1e3, 0x10 or Inf, is none.
func number(text string, unit time.Duration) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "+-.0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && !math.IsInf(n, 0): // Inf: beyond what a float64 holds
		return 0, false
	case n <= 0:
		return 0, true
	case n*float64(unit) >= math.MaxInt64:
		return math.MaxInt64, true
	}
	return time.Duration(n * float64(unit)), true
}
