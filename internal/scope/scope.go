// Package scope holds what the context carries from one Backspan span to the next: the session, the phase, how deeply
// retries are nested, and that a span that is being started is one of Backspan's.
//
// It is in the context and never in baggage: baggage leaves the process with outgoing requests, and would tell other
// services which session and phase called them.
package scope

import (
	"context"
	"iter"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// A Frame is one layer. A new frame starts from the one around it (see From), so the innermost is complete.
type Frame struct {
	Session string // the run's id; empty outside a run
	Phase   string // empty outside a phase
	Depth   int    // how many retry loops are around; 0 outside any
	DryRun  bool   // a dry run is around: what succeeds here did nothing

	// Starting is set only in the context that Tracer.Start gets: the kind (semconv.Kind…) of the span that is
	// started. Samplers and span processors know by it that the span is one of Backspan's. A sampler sees neither
	// the instrumentation scope nor attributes set later, and attributes at Start cost allocations. The next frame
	// below must not have it, because the user's code runs there.
	Starting string

	// Place is set, as Starting is, only in the context that Tracer.Start gets: the span's ids come from it. See
	// package spanid.
	Place *SpanPlace

	// Provider is the provider of the enclosing Backspan span when that is not the global one. It gets the spans
	// below a span of the global provider too; see package tracer.
	Provider trace.TracerProvider

	// NoWait makes waits pass at once; tests set it (see retrytest.NoWait).
	NoWait bool

	// Resumed says that the span that is started was started before, in another process, and recorded there.
	Resumed bool

	// Retries is how many retries of the loops around led here: of an operation in its attempt 3, within a phase in
	// its second recovery attempt, 2 + 2. It is 0 exactly when no loop has come to what is below before.
	Retries int

	// The attempt of the innermost retry loop around; Attempt is 0 outside of any.
	Operation   string
	Attempt     int
	RetriesLeft int           // after this attempt; -1 means without limit
	Delay       time.Duration // what was waited before it
}

// A SpanPlace says where a span of a run stands.
type SpanPlace struct {
	Run     string // its id
	Kind    string // semconv.Kind…
	Phase   string // empty for the run's span
	Attempt int    // of a try of the phase, as in engine.Task; of a run or a phase its part, see Plan.Local
}

type frameKey struct{}

// A layer is a context that adds to the frame around it. It is a context itself, because context.WithValue would
// take two allocations. It is small, because one or two are made for each attempt; the frame around it is looked up
// when it is needed.
type layer interface{ frame() Frame }

// From returns the innermost frame of ctx, or the zero Frame.
func From(ctx context.Context) Frame {
	if l, ok := ctx.Value(frameKey{}).(layer); ok {
		return l.frame()
	}
	return Frame{}
}

// With returns ctx with frame f as its innermost.
func With(ctx context.Context, f Frame) context.Context { return &whole{ctx, f} }

type whole struct {
	context.Context
	f Frame
}

func (c *whole) frame() Frame { return c.f }

func (c *whole) Value(key any) any {
	if key == (frameKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// An Attempt is what a frame says of the attempt that it belongs to; see Frame.
type Attempt struct {
	Operation   string
	Number      int
	RetriesLeft int
	Delay       time.Duration
}

// WithAttempt returns ctx with a frame that is one retry loop deeper than its innermost, in attempt a of that loop.
func WithAttempt(ctx context.Context, a Attempt) context.Context { return &attempt{ctx, a} }

type attempt struct {
	context.Context
	a Attempt
}

func (c *attempt) frame() Frame {
	f := From(c.Context)
	f.Depth++
	f.Retries += c.a.Number - 1
	f.Starting = ""
	f.Operation, f.Attempt, f.RetriesLeft, f.Delay = c.a.Operation, c.a.Number, c.a.RetriesLeft, c.a.Delay
	return f
}

func (c *attempt) Value(key any) any {
	if key == (frameKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// ToStart returns the context to hand to Tracer.Start for a Backspan span of the given kind: ctx with its innermost
// frame marked as Starting. provider is the frame's Provider.
func ToStart(ctx context.Context, kind string, provider trace.TracerProvider) context.Context {
	return &starting{ctx, kind, provider, ""}
}

type starting struct {
	context.Context
	kind     string
	provider trace.TracerProvider
	session  string // see Adopt
}

func (c *starting) frame() Frame {
	f := From(c.Context)
	f.Starting = c.kind
	f.Provider = c.provider
	if c.session != "" {
		f.Session = c.session
	}
	return f
}

// Adopt gives a session to the Backspan span that is being started with parent context ctx, and to everything below
// it, unless it has one. A span processor calls it in its OnStart. The code that starts the span then finds the
// session in the frame, and sets it together with the span's other attributes. Adopt returns false when ctx is not
// from ToStart and has no session: then the processor must set the attribute.
func Adopt(ctx context.Context, session string) bool {
	innermost, ok := ctx.Value(frameKey{}).(layer)
	if !ok || innermost.frame().Session != "" {
		return ok
	}
	l, ok := innermost.(*starting)
	if ok {
		l.session = session
	}
	return ok
}

func (c *starting) Value(key any) any {
	if key == (frameKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// Spans yields the spans around ctx from the inside: the one in ctx, and the one that each layer was made below. Between
// them may be spans that other instrumentation started.
func Spans(ctx context.Context) iter.Seq[trace.Span] {
	return func(yield func(trace.Span) bool) {
		for ctx != nil && yield(trace.SpanFromContext(ctx)) {
			switch l := ctx.Value(frameKey{}).(type) {
			case *starting:
				ctx = l.Context
			case *whole:
				ctx = l.Context
			case *attempt:
				ctx = l.Context
			default:
				return
			}
		}
	}
}

// Provider returns the Provider of ctx's innermost frame. It costs no allocation and builds no frame: it is asked for
// every Backspan span whose parent does not say where it goes.
func Provider(ctx context.Context) trace.TracerProvider {
	for {
		switch l := ctx.Value(frameKey{}).(type) {
		case *starting:
			return l.provider
		case *whole:
			return l.f.Provider
		case *attempt:
			ctx = l.Context
		default:
			return nil
		}
	}
}

// Starting returns the kind of the Backspan span that is started with parent context ctx, and "" for every
// other span. It costs no allocation: samplers ask it for every span of the process.
func Starting(ctx context.Context) string {
	switch l := ctx.Value(frameKey{}).(type) {
	case *starting:
		return l.kind
	case *whole:
		return l.f.Starting
	}
	return ""
}

// Place returns the Place of the Backspan span that is started with parent context ctx; nil for most spans. It costs
// no allocation: it is asked for every span of the process.
func Place(ctx context.Context) *SpanPlace {
	if l, ok := ctx.Value(frameKey{}).(*whole); ok {
		return l.f.Place
	}
	return nil
}
