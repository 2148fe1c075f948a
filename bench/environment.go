package main

import (
	"context"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// An environment is what a program has installed as its global tracer provider.
type environment struct {
	name     string
	samples  bool
	provider func() trace.TracerProvider // nil: nothing is installed
}

// environments are in the order in which they must be measured: what was installed cannot be taken away again.
var environments = []environment{
	{"no SDK installed", false, nil},
	{"no-op provider", false, func() trace.TracerProvider { return noop.NewTracerProvider() }},
	{"SDK that never samples", false, func() trace.TracerProvider { return sdk(sdktrace.NeverSample()) }},
	{"SDK that samples all", true, func() trace.TracerProvider { return sdk(sdktrace.AlwaysSample()) }},
}

func (e environment) install() {
	if e.provider != nil {
		otel.SetTracerProvider(e.provider())
	}
}

// sdk returns a provider whose spans go nowhere: an exporter's cost is the same whoever made the spans.
func sdk(sampler sdktrace.Sampler, processors ...sdktrace.SpanProcessor) *sdktrace.TracerProvider {
	options := []sdktrace.TracerProviderOption{sdktrace.WithSampler(sampler)}
	for _, p := range append(processors, dropping{}) {
		options = append(options, sdktrace.WithSpanProcessor(p))
	}
	return sdktrace.NewTracerProvider(options...)
}

type dropping struct{}

func (dropping) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (dropping) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (dropping) Shutdown(context.Context) error                  { return nil }
func (dropping) ForceFlush(context.Context) error                { return nil }
