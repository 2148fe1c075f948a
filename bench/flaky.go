package main

import (
	"context"
	"errors"
)

var errRefused = errors.New("connection refused")

// A flaky operation fails some times, then succeeds, and begins anew: so that one of them, with one closure around
// it, serves a contender for ever, and nobody pays for making closures.
type flaky struct {
	failures int // before each success
	left     int // of them
	calls    int
}

func (f *flaky) call() error {
	f.calls++
	if f.left > 0 {
		f.left--
		return errRefused
	}
	f.left = f.failures
	return nil
}

func (f *flaky) withContext(context.Context) error { return f.call() }
