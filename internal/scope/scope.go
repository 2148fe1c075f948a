// Package scope holds what rides in the context from one Backspan span to the next: the session, the phase,
// how deeply retries are nested, and that a span being started is one of ours.
//
// It travels in the context and never in baggage: baggage leaves the process with outgoing requests, and
// would tell strangers which session and phase called them.
package scope

import (
	"context"
	"time"
)

// A Frame is one layer. A new frame starts from the one around it (see From), so the innermost is complete.
type Frame struct {
	Session string // the run's id; empty outside a run
	Phase   string // empty outside a phase
	Depth   int    // how many retry loops are around; 0 outside any

	// Starting is set only in the context handed to Tracer.Start: the kind (semconv.Kind…) of the span that is
	// started. A sampler sees neither the instrumentation scope nor attributes set later, and attributes at
	// Start cost allocations; so this is how samplers and span processors know a span for one of ours. The
	// next frame below must not have it: code of the user's runs there.
	Starting string

	// NoWait makes waits pass at once; tests set it (see retrytest.NoWait).
	NoWait bool

	// The attempt of the innermost retry loop around; Attempt is 0 outside of any.
	Operation   string
	Attempt     int
	RetriesLeft int           // after this attempt; -1 means without limit
	Delay       time.Duration // what was waited before it
}

// frameContext is a context and its frame in one allocation; context.WithValue would take two.
type frameContext struct {
	context.Context
	frame Frame
}

type frameKey struct{}

func (c *frameContext) Value(key any) any {
	if key == (frameKey{}) {
		return &c.frame
	}
	return c.Context.Value(key)
}

// From returns the innermost frame of ctx, or the zero Frame.
func From(ctx context.Context) Frame {
	if f, ok := ctx.Value(frameKey{}).(*Frame); ok {
		return *f
	}
	return Frame{}
}

// With returns ctx with frame f as its innermost.
func With(ctx context.Context, f Frame) context.Context {
	return &frameContext{Context: ctx, frame: f}
}

// Starting returns the kind of the Backspan span that is started with parent context ctx, and "" for every
// other span. It costs no allocation: samplers ask it for every span of the process.
func Starting(ctx context.Context) string {
	if f, ok := ctx.Value(frameKey{}).(*Frame); ok {
		return f.Starting
	}
	return ""
}
