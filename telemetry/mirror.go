package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// mirror shows Backspan's spans, sampled or not, to the event log, metrics, the trace file and the user's processors.
// It is the provider's first processor, and is closed outside of the provider: that shuts its processors down in
// their order, and not all of them when a collector is slow.
type mirror struct {
	session sessionStamp
	direct  []*guarded // the event log and the metrics, which mask what they keep themselves, when they keep it
	others  []*guarded // they get spans with masked texts
	mask    func(string) string
	closed  atomic.Bool
}

var _ sdktrace.SpanProcessor = (*mirror)(nil)

func newMirror(session string, direct, others []*guarded, mask func(string) string) *mirror {
	return &mirror{session: newSessionStamp(session), direct: direct, others: others, mask: mask}
}

func guard(processors ...sdktrace.SpanProcessor) []*guarded {
	list := make([]*guarded, len(processors))
	for i, p := range processors {
		list[i] = &guarded{next: p}
	}
	return list
}

// OnStart is called for every span of the process. A foreign one costs it the comparison of a name, unless it is a
// request of an HTTP client.
func (m *mirror) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	if m.closed.Load() {
		return
	}
	if !isBackspan(span) {
		countResend(parent, span)
		return
	}
	m.session.on(parent, span)
	for _, p := range m.direct {
		p.OnStart(parent, span)
	}
	for _, p := range m.others {
		p.OnStart(parent, span)
	}
}

// OnEnd hands Backspan's spans on.
func (m *mirror) OnEnd(span sdktrace.ReadOnlySpan) {
	if !isBackspan(span) || m.closed.Load() {
		return
	}
	for _, p := range m.direct {
		p.OnEnd(span)
	}
	if len(m.others) == 0 {
		return
	}
	shown, _ := presentableSpan(span, m.mask)
	for _, p := range m.others {
		p.OnEnd(shown)
	}
}

// ForceFlush flushes the processors. The event log and the metrics have nothing to flush.
func (m *mirror) ForceFlush(ctx context.Context) error {
	var errs []error
	for _, p := range m.others {
		errs = append(errs, p.ForceFlush(ctx))
	}
	return errors.Join(errs...)
}

// Shutdown does nothing: Telemetry.Shutdown closes what is behind the mirror.
func (m *mirror) Shutdown(context.Context) error { return nil }

// close stops passing spans on, so that the processors can be shut down.
func (m *mirror) close() { m.closed.Store(true) }

// shutdownAll shuts processors down in order.
func shutdownAll(ctx context.Context, processors []*guarded) error {
	var errs []error
	for _, p := range processors {
		errs = append(errs, p.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// inBackground calls do on another goroutine. wait returns its error, or an error that names what, when ctx has been
// done for shutdownGrace and do has not returned.
func inBackground(ctx context.Context, what string, do func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return func() error {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
		}
		// ctx may be done already, or become so during the export; allow a grace period.
		grace := time.NewTimer(shutdownGrace)
		defer grace.Stop()
		select {
		case err := <-done:
			return err
		case <-grace.C:
			return fmt.Errorf("telemetry: %s: %w", what, ctx.Err())
		}
	}
}

// sessionStamp sets the process's session on spans that are in no run.
type sessionStamp struct {
	id         string
	attributes []attribute.KeyValue // made once: a variadic slice a span would be allocated
}

func newSessionStamp(id string) sessionStamp {
	return sessionStamp{id, []attribute.KeyValue{semconv.SessionIDKey.String(id)}}
}

func (s sessionStamp) on(parent context.Context, span sdktrace.ReadWriteSpan) {
	if !scope.Adopt(parent, s.id) {
		span.SetAttributes(s.attributes...)
	}
}

// guarded keeps the panics of a processor from the host: OnStart and OnEnd run on the goroutine of whoever starts
// and ends the span.
type guarded struct {
	next sdktrace.SpanProcessor
	told atomic.Bool
}

func (g *guarded) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	defer g.recovered(nil)
	g.next.OnStart(parent, span)
}

func (g *guarded) OnEnd(span sdktrace.ReadOnlySpan) {
	defer g.recovered(nil)
	g.next.OnEnd(span)
}

func (g *guarded) ForceFlush(ctx context.Context) (err error) {
	defer g.recovered(&err)
	return g.next.ForceFlush(ctx)
}

func (g *guarded) Shutdown(ctx context.Context) (err error) {
	defer g.recovered(&err)
	return g.next.Shutdown(ctx)
}

// recovered tells of the first panic, and of those that there is an error to return for.
func (g *guarded) recovered(err *error) {
	r := recover()
	if r == nil {
		return
	}
	failure := fmt.Errorf("telemetry: span processor %T panicked: %v", g.next, r)
	if err != nil {
		*err = failure
	} else if !g.told.Swap(true) {
		handleError(failure)
	}
}

// handleError hands err to OpenTelemetry's error handler, which is the user's code too.
func handleError(err error) {
	defer func() { _ = recover() }()
	otel.Handle(err)
}
