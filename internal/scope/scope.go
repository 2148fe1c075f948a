// Package scope holds what the context carries from one Backspan span to the next: the session, the phase, how deeply
// retries are nested, and that a span that is being started is one of Backspan's.
//
// It is in the context and never in baggage: baggage leaves the process with outgoing requests, and would tell other
// services which session and phase called them.
package scope

import (
	"context"
	"iter"
	"sync/atomic"
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
type layer interface {
	frame() Frame
	around() context.Context // what it was made below
}

// innermost returns the innermost layer of ctx, nil when there is none. The next one is that of its around.
func innermost(ctx context.Context) layer {
	l, _ := ctx.Value(frameKey{}).(layer)
	return l
}

// From returns the innermost frame of ctx, or the zero Frame. Who needs one field of it asks Session, Depth, Provider,
// NoWait, Starting or Place: a frame is large, and each layer makes a copy.
func From(ctx context.Context) Frame {
	if l := innermost(ctx); l != nil {
		return l.frame()
	}
	return Frame{}
}

// With returns ctx with frame f as its innermost.
func With(ctx context.Context, f Frame) context.Context {
	hand(f.Provider)
	return &whole{ctx, f}
}

type whole struct {
	context.Context
	f Frame
}

func (c *whole) frame() Frame            { return c.f }
func (c *whole) around() context.Context { return c.Context }

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

func (c *attempt) frame() Frame            { return c.a.below(From(c.Context)) }
func (c *attempt) around() context.Context { return c.Context }

// below is the frame that is one retry loop deeper than f, in attempt a of that loop.
func (a *Attempt) below(f Frame) Frame {
	f.Depth++
	f.Retries += a.Number - 1
	f.Starting = ""
	f.Operation, f.Attempt, f.RetriesLeft, f.Delay = a.Operation, a.Number, a.RetriesLeft, a.Delay
	return f
}

func (c *attempt) Value(key any) any {
	if key == (frameKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// starting is the context to hand to Tracer.Start for a Backspan span of the given kind: until the span is started it
// marks the innermost frame around as Starting.
type starting struct {
	context.Context
	kind     string
	provider trace.TracerProvider
	session  string      // see Adopt
	started  atomic.Bool // a span processor may have kept the context, and ask at any time
}

func (c *starting) around() context.Context { return c.Context }

func (c *starting) frame() Frame {
	f := From(c.Context)
	f.Starting = c.mark()
	f.Provider = c.provider
	if c.session != "" {
		f.Session = c.session
	}
	return f
}

// mark is the Starting of the frame.
func (c *starting) mark() string {
	if c.started.Load() {
		return ""
	}
	return c.kind
}

// Adopt gives a session to the Backspan span that is being started with parent context ctx, and to everything below
// it, unless it has one. A span processor calls it in its OnStart. The code that starts the span then finds the
// session in the frame, and sets it together with the span's other attributes. Adopt returns false when ctx is not
// of Layers and has no session: then the processor must set the attribute.
func Adopt(ctx context.Context, session string) bool {
	if Session(ctx) != "" {
		return true
	}
	switch l := innermost(ctx).(type) {
	case *starting:
		return l.adopt(session)
	case *Traced:
		return l.adopt(session)
	}
	return false
}

func (c *starting) adopt(session string) bool {
	if c.started.Load() {
		return false
	}
	c.session = session
	return true
}

func (c *starting) Value(key any) any {
	if key == (frameKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// Layers are the contexts of an operation that somebody traces, and of its first attempt. They are made together,
// because one allocation takes half the time of two, and nearly every operation makes a first attempt.
type Layers struct {
	Tracer trace.Tracer // what the operation's span was started with, and those of its attempts are
	SDK    bool         // it is the SDK's own, whose spans copy the attributes that they are given

	operation starting
	first     Traced
}

// Operation returns the context to hand to Tracer.Start for the operation's span, with a frame that is marked as
// Starting until Started. provider is the frame's Provider.
func (l *Layers) Operation(ctx context.Context, kind string, provider trace.TracerProvider) context.Context {
	hand(provider)
	l.operation = starting{Context: ctx, kind: kind, provider: provider}
	return &l.operation
}

// Started is called when the operation's span is started. Functions of the user's get its context.
func (l *Layers) Started() { l.operation.started.Store(true) }

// Frame returns the frame of the operation: the one around it, with the session that Adopt gave it.
func (l *Layers) Frame() Frame { return l.operation.frame() }

// Attempt returns a layer below ctx for attempt a, which has a span of the given kind.
func (l *Layers) Attempt(ctx context.Context, a Attempt, kind string) *Traced {
	t := &l.first
	if t.Context != nil { // in use, and stays so as long as somebody has that context
		t = &Traced{}
	}
	t.starting, t.a = starting{Context: ctx, kind: kind, provider: l.operation.provider}, a
	return t
}

// Untraced returns a layer below ctx for attempt a, which has no span.
func (l *Layers) Untraced(ctx context.Context, a Attempt) context.Context {
	t := l.Attempt(ctx, a, "")
	t.Run()
	return t
}

// Traced is the layer of an attempt of an operation that somebody traces. At first it is the context to hand to
// Tracer.Start, and after Run it is as from WithAttempt: one layer for both, so that what is looked up in a context
// passes one less.
type Traced struct {
	starting
	a Attempt
}

// Run is called when the attempt's span is started.
func (c *Traced) Run() { c.started.Store(true) }

func (c *Traced) frame() Frame {
	f := c.starting.frame()
	if c.started.Load() {
		return c.a.below(f)
	}
	return f
}

// Value returns what is known for key, as every context does.
func (c *Traced) Value(key any) any {
	if key == (frameKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// Around yields what is around ctx from the inside: each layer (the outermost is nil), and the span in the context just
// within it. Spans that other instrumentation started may lie between two layers.
func Around(ctx context.Context) iter.Seq2[trace.Span, any] {
	return func(yield func(trace.Span, any) bool) {
		l := innermost(ctx)
		if yield(trace.SpanFromContext(ctx), l) && l != nil {
			Around(l.around())(yield)
		}
	}
}

// handed says that some frame of this process has a Provider. In most processes none has.
var handed atomic.Bool

func hand(provider trace.TracerProvider) {
	if provider != nil && !handed.Load() { // who writes without need takes it from the other processors
		handed.Store(true)
	}
}

// Provider returns the Provider of ctx's innermost frame. It costs no allocation and builds no frame, and as long as no
// frame has one it does not even look: it is asked for every operation, below contexts that may be deep.
func Provider(ctx context.Context) trace.TracerProvider {
	if !handed.Load() {
		return nil
	}
	for l := innermost(ctx); l != nil; l = innermost(l.around()) {
		switch l := l.(type) {
		case *starting:
			return l.provider
		case *Traced:
			return l.provider
		case *whole:
			return l.f.Provider
		}
	}
	return nil
}

// Session returns the Session of ctx's innermost frame. It builds no frame: span processors ask it for every Backspan
// span.
func Session(ctx context.Context) string {
	for l := innermost(ctx); l != nil; l = innermost(l.around()) {
		switch l := l.(type) {
		case *starting:
			if l.session != "" {
				return l.session
			}
		case *Traced:
			if l.session != "" {
				return l.session
			}
		case *whole:
			return l.f.Session
		}
	}
	return ""
}

// Depth returns the Depth of ctx's innermost frame. It builds no frame either.
func Depth(ctx context.Context) (depth int) {
	for l := innermost(ctx); l != nil; l = innermost(l.around()) {
		switch l := l.(type) {
		case *attempt:
			depth++
		case *Traced:
			if l.started.Load() {
				depth++
			}
		case *whole:
			return depth + l.f.Depth
		}
	}
	return depth
}

// NoWait reports whether the innermost frame of ctx says so. It builds no frame: that would be a third of the stack of
// a goroutine that waits.
func NoWait(ctx context.Context) bool {
	for l := innermost(ctx); l != nil; l = innermost(l.around()) {
		if l, ok := l.(*whole); ok {
			return l.f.NoWait
		}
	}
	return false
}

// Starting returns the kind of the Backspan span that is started with parent context ctx, and "" for every
// other span. It costs no allocation: samplers ask it for every span of the process.
func Starting(ctx context.Context) string {
	switch l := ctx.Value(frameKey{}).(type) {
	case *starting:
		return l.mark()
	case *Traced:
		return l.mark()
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
