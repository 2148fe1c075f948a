package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/backspan/backspan/telemetry"
)

const (
	nameTraceFile = "telemetry.TraceFile"
	nameProtoJSON = "otlptrace, protojson and File.Write"
	nameWrite     = "File.Write alone"
)

// measureTraceFile writes the spans of an operation that failed once to a file, in turns. The usual way has no masking,
// and its ids are in base64, which OTLP does not read.
func measureTraceFile(p *page, s sizes) (err error) {
	dir, err := os.MkdirTemp("", "backspan-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	recorder := tracetest.NewSpanRecorder()
	if err := ownSpans(sdk(sdktrace.AlwaysSample(), recorder), 1)(); err != nil {
		return err
	}
	spans := recorder.Ended()
	ours, err := telemetry.NewTraceFile(filepath.Join(dir, "ours.json"), nil)
	if err != nil {
		return err
	}
	theirs, err := os.OpenFile(filepath.Join(dir, "theirs.json"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	usual := protoJSON{}
	one, err := usual.marshal(spans[0])
	if err != nil {
		return err
	}
	results := measure([]subject{
		alone(nameTraceFile, inTurns(spans, func(span sdktrace.ReadOnlySpan) error {
			ours.OnEnd(span)
			return nil
		})),
		alone(nameProtoJSON, inTurns(spans, func(span sdktrace.ReadOnlySpan) error {
			line, err := usual.marshal(span)
			if err == nil {
				_, err = theirs.Write(line)
			}
			return err
		})),
		alone(nameWrite, func() error {
			_, err := theirs.Write(one)
			return err
		}),
	}, s.effort)

	found := standingOf(results)
	p.title("Spans of a trace file")
	p.results(fmt.Sprintf("a span of about %d bytes", len(one)), results, base{"protojson", found[nameProtoJSON]})
	p.promise(nameTraceFile+": time of a span over "+nameWrite, 2000,
		found[nameTraceFile].beyond(found[nameWrite]), "ns")
	p.promise(nameTraceFile+": allocations", 5, found[nameTraceFile].allocs, "")
	p.promise(nameTraceFile+" ÷ "+nameProtoJSON, 0.3, found.ratio(nameTraceFile, nameProtoJSON), "×")
	return errors.Join(ours.Shutdown(context.Background()), theirs.Close())
}

func inTurns(spans []sdktrace.ReadOnlySpan, write func(sdktrace.ReadOnlySpan) error) func() error {
	turn := 0
	return func() error {
		turn++
		return write(spans[turn%len(spans)])
	}
}

// protoJSON is an otlptrace.Client, the only way to OTLP's messages that is public.
type protoJSON struct{ tracepb.TracesData }

func (*protoJSON) Start(context.Context) error { return nil }
func (*protoJSON) Stop(context.Context) error  { return nil }

func (j *protoJSON) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	j.ResourceSpans = spans
	return nil
}

func (j *protoJSON) marshal(span sdktrace.ReadOnlySpan) ([]byte, error) {
	err := otlptrace.NewUnstarted(j).ExportSpans(context.Background(), []sdktrace.ReadOnlySpan{span})
	if err != nil {
		return nil, err
	}
	line, err := protojson.Marshal(&j.TracesData)
	return append(line, '\n'), err
}
