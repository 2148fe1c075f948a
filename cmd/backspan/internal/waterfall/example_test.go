package waterfall_test

import (
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/internal/semconv"
)

// spans are what a Recorder or a trace file holds after an operation that recovered.
func spans() []session.Span {
	start := time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	operation := session.Span{
		Kind: semconv.KindOperation, Name: "data_load", TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1},
		Start: at(0), End: at(400),
		Attributes: []attribute.KeyValue{
			semconv.OutcomeKey.String(semconv.OutcomeRecovered), semconv.AttemptsKey.Int(2),
		},
	}
	first := session.Span{
		Kind: semconv.KindAttempt, Name: "attempt 1", TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
		ParentID: operation.SpanID, Start: at(0), End: at(50),
		Status: codes.Error, StatusText: "503 Service Unavailable",
		Attributes: []attribute.KeyValue{
			semconv.AttemptKey.Int(1), semconv.ResultKey.String(semconv.ResultRetrying),
			semconv.NextDelayKey.Float64(0.25),
		},
	}
	second := session.Span{
		Kind: semconv.KindAttempt, Name: "attempt 2", TraceID: trace.TraceID{1}, SpanID: trace.SpanID{3},
		ParentID: operation.SpanID, Start: at(300), End: at(400),
		Attributes: []attribute.KeyValue{
			semconv.AttemptKey.Int(2), semconv.ResultKey.String(semconv.ResultSuccess),
		},
	}
	return []session.Span{operation, first, second}
}

func ExampleRender() {
	if err := waterfall.Render(os.Stdout, session.New(spans()), waterfall.Options{Width: 76}); err != nil {
		fmt.Println(err)
	}
	// Output:
	//                                         took  waited  0         200ms
	// ✓ data_load  recovered, 2 attempts      400ms   250ms  ━━✗┄┄┄┄┄┄┄┄┄┄┄┄┄━━━━━
	// ├ ✗ attempt 1  503 Service Unavailable   50ms   250ms  ━━✗┄┄┄┄┄┄┄┄┄┄┄┄┄
	// └ ✓ attempt 2                           100ms                          ━━━━━
	//
	// operations     1  1 retried · 1 recovered
	// attempts       2  1 failed
	// time       400ms  working 100ms · lost 50ms · waiting 250ms
}
