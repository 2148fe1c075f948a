package main

import (
	"context"
	"errors"
	"time"
)

var errRefused = errors.New("connection refused")

// A flaky operation fails a number of times, then succeeds, and begins again. A contender calls one of them for the
// whole measurement, so that making closures is not measured.
type flaky struct {
	failures int           // before each success
	delay    time.Duration // what a contender waits after each
	left     int           // of them
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
