package engine

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/internal/spanid"
	"github.com/backspan/backspan/internal/tracer"
)

// An IDGenerator makes the ids of spans: see sdktrace.WithIDGenerator. Those of the spans that Plan.Attempt and
// Plan.WriteSpans make come from the run's id and the span's place in the run, so that the processes of one run agree
// on them; all others are random. telemetry.Start installs it. A program with a provider of its own gives it this one.
type IDGenerator struct{ ids spanid.Generator }

// NewIDs returns the ids of a span that is the first of its trace.
func (g IDGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	return g.ids.NewIDs(ctx)
}

// NewSpanID returns the id of a span of a trace that exists.
func (g IDGenerator) NewSpanID(ctx context.Context, id trace.TraceID) trace.SpanID {
	return g.ids.NewSpanID(ctx, id)
}

// RunSpan is the span context of a run, which is written when the run has ended. The run is a child of the span in ctx,
// or begins a trace. Whether it is sampled the tracer provider of ctx is asked, or else the global one: each attempt
// must go by the same answer, so an engine asks once and keeps it with its history.
//
// The error is ErrNoIDGenerator when that provider makes spans with other ids: the attempts' would be orphans.
func RunSpan(ctx context.Context, pipeline, runID string) (trace.SpanContext, error) {
	place := scope.SpanPlace{Run: runID, Kind: semconv.KindRun}
	frame := scope.From(ctx)
	frame.Place = &place // without Starting: this span is nobody's, and never ended
	tracer, _ := tracer.For(ctx)
	_, probe := tracer.Start(scope.With(ctx, frame), boundtext.Name(pipeline))
	sc := probe.SpanContext()
	config := trace.SpanContextConfig{
		TraceID: spanid.Trace(runID), SpanID: spanid.Span(place),
		TraceFlags: sc.TraceFlags(), TraceState: sc.TraceState(),
	}
	parent := trace.SpanContextFromContext(ctx)
	if parent.IsValid() {
		config.TraceID = parent.TraceID()
	}
	noop := sc.SpanID() == parent.SpanID() // also when both are invalid
	if !noop && sc.SpanID() != config.SpanID {
		return trace.NewSpanContext(config), ErrNoIDGenerator
	}
	return trace.NewSpanContext(config), nil
}

// ErrNoIDGenerator is the error of RunSpan.
var ErrNoIDGenerator = errors.New("the tracer provider has no engine.IDGenerator (telemetry.Start installs one)")

// PhaseSpan is the span context of a phase, the parent of its attempts. run is that of the run: see RunSpan.
func PhaseSpan(run trace.SpanContext, runID, phase string) trace.SpanContext {
	place := scope.SpanPlace{Run: runID, Kind: semconv.KindPhase, Phase: phase}
	return run.WithSpanID(spanid.Span(place)).WithRemote(true)
}
