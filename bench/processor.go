package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

// measureProcessor shows what the event log and its sampler add to spans of which it writes nothing.
func measureProcessor(p *page, s sizes) (err error) {
	dir, err := os.MkdirTemp("", "backspan-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	writer, err := events.Open(filepath.Join(dir, "events.jsonl"), events.Options{})
	if err != nil {
		return err
	}
	log := telemetry.NewEventLog(writer, session)

	p.title("What the event log adds to spans that it does not write")
	t := newTable("a span, from Start to End", "ns", "more ns", "more B", "more allocs")
	for _, c := range []struct {
		name    string
		sampler sdktrace.Sampler
		budget  float64 // ns; 0: none
		run     func(trace.TracerProvider) func() error
	}{
		{"of other instrumentation, sampled", sdktrace.AlwaysSample(), 50, foreignSpan},
		{"of other instrumentation, dropped", sdktrace.NeverSample(), 50, foreignSpan},
		{"Backspan's two of a success at first, sampled", sdktrace.AlwaysSample(), 0, ownSpans},
	} {
		results := measure([]subject{
			alone("without", c.run(sdk(c.sampler))),
			alone("with", c.run(sdk(telemetry.Sampler(c.sampler), log))),
		}, s.effort)
		without, with := results[0], results[1]
		t.add(c.name, nanoseconds(without.ns()), nanoseconds(with.beyond(without)),
			count(with.bytes-without.bytes), count(with.allocs-without.allocs))
		if c.budget > 0 {
			p.promise("the event log adds to a span "+c.name, c.budget, with.beyond(without), "ns")
			p.promise("the same, allocations", 0, with.allocs-without.allocs, "")
		}
	}
	p.table(t)
	if n := writer.Written() + writer.Dropped(); n > 0 {
		return fmt.Errorf("the event log wrote %d lines about spans that succeeded", n)
	}
	return writer.Close()
}

func foreignSpan(provider trace.TracerProvider) func() error {
	tracer := provider.Tracer(tracerName)
	ctx := context.Background()
	return func() error {
		_, span := tracer.Start(ctx, "GET")
		span.End()
		return nil
	}
}

// ownSpans are made below a request's span, where retry finds their provider.
func ownSpans(provider trace.TracerProvider) func() error {
	ctx, _ := provider.Tracer(tracerName).Start(context.Background(), "request")
	return backspan(ctx, &flaky{})
}
