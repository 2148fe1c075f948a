package cli

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestRequests(t *testing.T) {
	const hup, intr, term = syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM
	type arrival struct {
		after  time.Duration // since the one before
		signal syscall.Signal
		counts bool
	}
	for name, arrivals := range map[string][]arrival{
		"a terminal and a shell that close": {{0, hup, true}, {0, hup, false}, {time.Hour, hup, false}},
		"a service manager":                 {{0, term, true}, {0, hup, false}, {time.Minute, term, true}},
		"a key that is pressed twice":       {{0, intr, true}, {time.Second, intr, true}, {time.Second, intr, true}},
		"a key that is held down": {
			{0, intr, true},
			{time.Second / 2, intr, false},
			{time.Second / 4, intr, false},
			{time.Second / 4, intr, true},
			{time.Second / 2, intr, false},
		},
		"another signal at once":      {{0, intr, true}, {0, syscall.SIGQUIT, true}, {0, term, true}},
		"a request after the hang-up": {{0, hup, true}, {0, term, true}, {0, hup, false}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var requests Requests
			for i, a := range arrivals {
				time.Sleep(a.after)
				if got := requests.Count(a.signal); got != a.counts {
					t.Errorf("%s: %v, number %d, counts: %v, want %v", name, a.signal, i+1, got, a.counts)
				}
			}
		})
	}
}
