package retry

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// An attemptContext is what an operation gets under a policy with an AttemptTimeout.
//
// An operation may hand out something that lives longer than the attempt and still uses its context: the body of a
// response, rows, a stream. So the context of an attempt that is followed by no other one does not end with it. From
// then on it ends with the operation's context only.
//
// Three contexts lie one in another: ending knows why the attempt ends; a standard cancel context below it hands that
// on to everything derived; attemptContext is around both. The operation's context refers to the first two only. So
// the garbage collector finds attemptContext when neither the user nor a live derived context holds it any more. Then
// the link from the operation's context goes too, and a context that never ends does not collect the attempts of a
// lifetime.
type attemptContext struct {
	context.Context
	ending *ending
	cancel context.CancelFunc
}

// withTimeout returns the context for an attempt that may take d. ctx is the operation's, with the attempt's span.
func withTimeout(ctx context.Context, d time.Duration) *attemptContext {
	e := &ending{Context: ctx, deadline: time.Now().Add(d), done: make(chan struct{})}
	if outer, ok := ctx.Deadline(); ok && outer.Before(e.deadline) {
		e.deadline = outer
	}
	inner, cancel := context.WithCancel(e)
	e.timer = time.AfterFunc(d, func() { e.end(context.DeadlineExceeded) })
	if ctx.Done() != nil {
		e.unlink = context.AfterFunc(ctx, func() { e.end(ctx.Err()) })
	}
	return &attemptContext{inner, e, cancel}
}

// release is called when the attempt has ended. last says that no other attempt follows.
func (c *attemptContext) release(last bool) {
	e := c.ending
	if !last || e.forget() {
		e.timer.Stop()
	}
	switch {
	case !last:
		c.cancel()
		if e.unlink != nil {
			e.unlink()
		}
	case e.unlink != nil:
		runtime.AddCleanup(c, func(unlink func() bool) { unlink() }, e.unlink)
	}
}

// ending is a context that ends when its Context does, or when somebody calls end, whichever comes first.
//
// Who has read its deadline relies on it: context.WithTimeout and the Timeout of an http.Client start no timer of their
// own where the context around ends sooner. So a deadline that was read is kept, also after the attempt.
type ending struct {
	context.Context
	deadline time.Time
	done     chan struct{}
	timer    *time.Timer
	unlink   func() bool // from Context; nil when that never ends

	mu    sync.Mutex
	err   error  // why it ended; nil while it is alive
	after func() // ends the context below
	read  bool   // the deadline, while it was in force
	past  bool   // the deadline is no longer in force
}

func (e *ending) Deadline() (time.Time, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.past {
		return e.Context.Deadline()
	}
	e.read = true
	return e.deadline, true
}

// forget lifts the deadline unless somebody has read it, and reports whether it did.
func (e *ending) forget() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.past = !e.read
	return e.past
}

func (e *ending) Done() <-chan struct{} { return e.done }

func (e *ending) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func (e *ending) end(err error) {
	e.mu.Lock()
	if e.err != nil {
		e.mu.Unlock()
		return
	}
	e.err = err
	close(e.done)
	after := e.after
	e.mu.Unlock()
	if after != nil {
		after()
	}
}

// AfterFunc registers f, which ends the one context below e. Package context looks for this method; without it, it
// would start a goroutine.
func (e *ending) AfterFunc(f func()) (stop func() bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		go f()
		return func() bool { return false }
	}
	e.after = f
	return func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		registered := e.after != nil
		e.after = nil
		return registered && e.err == nil
	}
}
