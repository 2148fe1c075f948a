package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// maxAttempts is the limit of every contender: 3 retries after the first attempt.
const maxAttempts = 4

// A contender is one way to call an operation that may fail.
type contender struct {
	name string

	// build returns a function that carries out one operation, from the call to its result; one goroutine uses it.
	// What can be made once (policies, options, closures) is made in build, for every contender. ctx is the context
	// of each operation.
	build func(ctx context.Context, f *flaky) func() error

	needs needs
}

// needs says in which environments a contender is measured.
type needs uint8

const (
	anywhere  needs = iota
	success         // it does not retry
	sampling        // without an SDK that samples it is the same as another contender
	succeeded       // sampling, and when the first attempt succeeds
)

// The contenders that the ratios refer to.
const (
	nameV7       = "cenkalti/backoff v7"
	nameFailsafe = "failsafe-go"
	nameByHand   = "loop by hand, with spans"
	nameAsFull   = "loop by hand, with Backspan's spans"
	nameSDKSpans = "SDK alone: Backspan's spans"
	nameSDKWhole = "SDK alone: Backspan's operation span"
	nameBackspan = "Backspan"
	nameLate     = "Backspan, FromFirstFailure"
)

var contenders = []contender{
	{"bare call", bareCall, success},
	{"loop by hand", loopByHand, anywhere},
	{"sethvargo/go-retry", goRetry, anywhere},
	{"avast/retry-go", retryGo, anywhere},
	{"cenkalti/backoff v5", backoffV5, anywhere},
	{nameV7, backoffV7, anywhere},
	{nameFailsafe, failsafeGo, anywhere},
	{"SDK alone: empty spans", spansOf(false), sampling},
	{nameSDKSpans, spansOf(true), sampling},
	{nameSDKWhole, wholeSpan, succeeded},
	{nameByHand, loopWithSpans, anywhere},
	{"… with one SetAttributes", loopWithOneSet, sampling},
	{nameAsFull, loopWithFullSpans, sampling},
	{nameBackspan, backspan, anywhere},
	{"Backspan, retry.Value", backspanValue, anywhere},
	{nameLate, backspanLate, sampling},
}

// A scenario is what happens to the operation.
type scenario struct {
	name     string
	failures int
	parallel bool          // on every processor at once
	values   int           // in the operation's context
	delay    time.Duration // after each failure
	short    bool          // it is measured where no SDK is installed, and where one samples all
}

var scenarios = []scenario{
	{name: "success at first"},
	{name: "two failures, no delay", failures: 2},
	{name: "success at first, parallel", parallel: true},
	{name: "two failures, no delay, parallel", failures: 2, parallel: true},
	{name: "success at first, 10 context values", values: 10, short: true},
	{name: "two failures, waits of 1 µs", failures: 2, delay: time.Microsecond, short: true},
}

// takesPlace says whether a scenario is measured in an environment.
func (sc scenario) takesPlace(env environment) bool {
	return !sc.short || env.provider == nil || env.samples
}

// context is the one that the operations of a scenario get.
func (sc scenario) context() context.Context {
	type key int
	ctx := context.Background()
	for n := range sc.values {
		ctx = context.WithValue(ctx, key(n), n) //nolint:fatcontext // that is the point
	}
	return ctx
}

func (c contender) takesPart(env environment, sc scenario) bool {
	switch c.needs {
	case success:
		return sc.failures == 0
	case sampling:
		return env.samples
	case succeeded:
		return env.samples && sc.failures == 0
	default:
		return true
	}
}

// subjects are the contenders of a scenario, each with a function for each goroutine.
func subjects(env environment, sc scenario) ([]subject, error) {
	var list []subject
	for _, c := range contenders {
		if !c.takesPart(env, sc) {
			continue
		}
		s := subject{name: c.name}
		goroutines := 1
		if sc.parallel {
			goroutines = runtime.GOMAXPROCS(0)
		}
		for range goroutines {
			run, err := c.start(sc)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", env.name, sc.name, err)
			}
			s.runs = append(s.runs, run)
		}
		list = append(list, s)
	}
	return list, nil
}

// start builds c for one goroutine and carries an operation out once, so that nothing is measured that did not work.
func (c contender) start(sc scenario) (run func() error, err error) {
	f := &flaky{failures: sc.failures, left: sc.failures, delay: sc.delay}
	run = c.build(sc.context(), f)
	if err := run(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	if f.calls != sc.failures+1 {
		return nil, fmt.Errorf("%s made %d calls, want %d", c.name, f.calls, sc.failures+1)
	}
	return run, nil
}
