package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

const (
	nameStarted   = "with telemetry.Start"
	nameInSession = "SDK alone: those spans, with session.id"
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
	started, err := telemetry.Start(context.Background(), telemetry.Config{
		Events: filepath.Join(dir, "started.jsonl"), NoExport: true, Local: true, Session: session,
	})
	if err != nil {
		return err
	}
	always, never := sdktrace.AlwaysSample(), sdktrace.NeverSample()
	request, _ := sdk(always).Tracer(tracerName).Start(context.Background(), "request")

	foreign := measure([]subject{
		alone("a foreign span, sampled: the processor alone", processed(log)),
		alone("a foreign span, dropped, from Start to End", foreignSpan(sdk(never))),
		alone("the same, with Backspan's sampler and event log", foreignSpan(sdk(telemetry.Sampler(never), log))),
	}, s.effort)
	own := measure([]subject{
		alone(nameSDKSpans, spansOf(true)(request, &flaky{})),
		alone(nameInSession, spansOf(true, attribute.String("session.id", session))(request, &flaky{})),
		alone("without telemetry", ownSpans(sdk(always), 0)),
		alone("with telemetry.Sampler and NewEventLog", ownSpans(sdk(telemetry.Sampler(always), log), 0)),
		alone(nameStarted, ownSpans(started.TracerProvider(), 0)),
	}, s.effort)
	if n := writer.Written() + writer.Dropped(); n > 0 {
		return fmt.Errorf("the event log wrote %d lines about spans that it should not mirror", n)
	}

	p.title("What the event log takes for spans that it does not mirror")
	p.results("", foreign)
	found := standingOf(own)
	p.results("a success at first, from Do to its return", own, base{"SDK alone", found[nameSDKSpans]},
		base{"that with session.id", found[nameInSession]})
	p.promise("a success at first, "+nameStarted+" ÷ "+nameInSession, 1.25,
		found.ratio(nameStarted, nameInSession), "×")
	sampled, dropped, with := foreign[0], foreign[1], foreign[2]
	p.promise("event log, a foreign span that is sampled: time in the processor", 50, sampled.ns(), "ns")
	p.promise("the same, allocations", 0, sampled.allocs, "")
	p.promise("event log, a foreign span that is dropped: more time", 50, with.beyond(dropped), "ns")
	p.promise("the same, allocations", 0, with.allocs-dropped.allocs, "")
	return errors.Join(started.Shutdown(context.Background()), writer.Close())
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
