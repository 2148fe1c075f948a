package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
	"github.com/backspan/backspan/orchestrator/temporal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// replay plays a recorded history back on a worker that has the pipeline.
func replay(t *testing.T, file string, p orchestrator.Pipeline) error {
	t.Helper()
	replayer := worker.NewWorkflowReplayer()
	if err := temporal.Register(replayer, p); err != nil {
		t.Fatal(err)
	}
	return replayer.ReplayWorkflowHistoryFromJSONFile(silent{}, file)
}

// Histories that a server recorded, of runs whose workers were killed and that were cancelled, still fit: a worker of
// this version goes on with the runs of earlier ones. Playing back writes no spans.
func TestRecordedHistories(t *testing.T) {
	recorder, before := tracetest.NewSpanRecorder(), otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(recorder), sdktrace.WithIDGenerator(engine.IDGenerator{})))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	for name, p := range map[string]orchestrator.Pipeline{"wait": waits(), "attempt": long(), "cancelled": endless()} {
		if err := replay(t, filepath.Join("testdata", name+".json"), p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(recorder.Started()); n > 0 {
		t.Errorf("%d spans were started, want none", n)
	}
}

// A history of a pipeline that has changed is refused, and the run is left as it is.
func TestRecordedHistoryOfAChangedPipeline(t *testing.T) {
	err := replay(t, filepath.Join("testdata", "wait.json"), changed())
	if err == nil || !strings.Contains(err.Error(), temporal.ErrChanged.Error()) {
		t.Errorf("got %v, want ErrChanged", err)
	}
}

// The report in the history of a run whose server and worker were killed is that of a run in one process.
func TestReportOfARecordedHistory(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "wait.json"))
	if err != nil {
		t.Fatal(err)
	}
	history, err := client.HistoryFromJSON(bytes.NewReader(data), client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	last := history.GetEvents()[len(history.GetEvents())-1].GetWorkflowExecutionCompletedEventAttributes()
	var recorded orchestrator.Report
	if err := json.Unmarshal(last.GetResult().GetPayloads()[0].GetData(), &recorded); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		local, err := waits().Run(context.WithoutCancel(t.Context()), options("wait"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := enginetest.ReportText(recorded), enginetest.ReportText(local); got != want {
			t.Errorf("recorded %s\nin one process %s", got, want)
		}
	})
}
