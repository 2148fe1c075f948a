package tracer

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
)

// Start starts a span of the given kind (semconv.Kind…) with the tracer of For. now is the time on any clock that
// only runs forward.
//
// When nobody traces it returns ctx as it is, and nil. Providers that do not trace return a span that is nobody's
// instead, for 1 to 3 allocations: more than all the rest of an operation that succeeds.
func Start(ctx context.Context, now time.Duration, kind, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	e := find(ctx)
	if e.silence.lasts(now) {
		return ctx, nil
	}
	below, span := e.tracer.Start(scope.ToStart(ctx, kind), name, options...)
	e.silence.heard(ctx, now, span)
	return below, span
}

// A silence is what is known of a provider that makes no spans.
type silence struct {
	forever bool // it is the no-op provider

	// The placeholder that the API has for an SDK makes none either, until something stands behind it: an SDK that
	// was installed and taken away again, or an agent that attaches to the running process (OpenTelemetry's eBPF
	// one does, at the placeholder's Start). So it is believed for a while only. An SDK that is installed is a
	// provider of its own, and heard at once.
	placeholder bool
	until       atomic.Int64
}

// believed is for how long the placeholder is not asked again.
const believed = time.Second

// placeholderPackage is where the API keeps its placeholder, which has no exported name. Should that move, Start loses
// its shortcut, and a test says so.
const placeholderPackage = "go.opentelemetry.io/otel/internal/global"

func (s *silence) of(provider trace.TracerProvider) {
	t := reflect.TypeOf(provider)
	s.placeholder = t.Kind() == reflect.Pointer && t.Elem().PkgPath() == placeholderPackage
}

func (s *silence) lasts(now time.Duration) bool {
	if s.placeholder {
		left := s.until.Load() - int64(now)
		return 0 < left && left <= int64(believed)
	}
	return s.forever
}

// heard learns from a span that was started below ctx: every real one has an id of its own.
func (s *silence) heard(ctx context.Context, now time.Duration, span trace.Span) {
	if s.placeholder && span.SpanContext().SpanID() == trace.SpanContextFromContext(ctx).SpanID() {
		s.until.Store(int64(now + believed))
	}
}
