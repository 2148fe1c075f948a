package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

// measureProcessor measures what the event log costs for spans that make no record.
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

	always := sdktrace.AlwaysSample()
	results := measure([]subject{
		alone("a foreign span, sampled: the processor alone", processed(log)),
		alone("a foreign span, dropped, from Start to End", foreignSpan(sdk(sdktrace.NeverSample()))),
		alone("the same, with Backspan's sampler and event log", foreignSpan(sdk(telemetry.Sampler(sdktrace.NeverSample()), log))),
		alone("a success at first, from Do to its return", ownSpans(sdk(always), 0)),
		alone("the same, with Backspan's sampler and event log", ownSpans(sdk(telemetry.Sampler(always), log), 0)),
	}, s.effort)
	if n := writer.Written() + writer.Dropped(); n > 0 {
		return fmt.Errorf("the event log wrote %d lines about spans that it should not mirror", n)
	}

	p.title("What the event log takes for spans that it does not mirror")
	p.results("", results)
	sampled, dropped, with := results[0], results[1], results[2]
	p.promise("event log, a foreign span that is sampled: time in the processor", 50, sampled.ns(), "ns")
	p.promise("the same, allocations", 0, sampled.allocs, "")
	p.promise("event log, a foreign span that is dropped: more time", 50, with.beyond(dropped), "ns")
	p.promise("the same, allocations", 0, with.allocs-dropped.allocs, "")
	return writer.Close()
}

// processed calls log for a span of other instrumentation as the SDK does, at its start and at its end.
func processed(log *telemetry.EventLog) func() error {
	recorder := tracetest.NewSpanRecorder()
	_ = foreignSpan(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))()
	started, ended := recorder.Started()[0], recorder.Ended()[0]
	ctx := context.Background()
	return func() error {
		log.OnStart(ctx, started)
		log.OnEnd(ended)
		return nil
	}
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
func ownSpans(provider trace.TracerProvider, failures int) func() error {
	ctx, _ := provider.Tracer(tracerName).Start(context.Background(), "request")
	return backspan(ctx, &flaky{failures: failures, left: failures})
}
