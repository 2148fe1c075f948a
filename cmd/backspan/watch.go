package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/telemetry"
)

// exportTimeout is how long a command that is done waits for a collector. With what ending an exporter takes besides,
// a collector that never answers costs less than 2 seconds.
const exportTimeout = 1500 * time.Millisecond

// A watch is what a command that makes spans has around its work: telemetry, the live view on stderr, and what the
// waterfall at the end is drawn from. All of it only reads spans.
type watch struct {
	std       streams
	telemetry *telemetry.Telemetry
	recorder  *waterfall.Recorder
	live      *waterfall.Live
	lost      error // what telemetry could not deliver; never a reason to fail
}

// startWatch starts it. The error is for the user: what the flags or the environment say cannot be used, or a file
// cannot be written.
func startWatch(ctx context.Context, std streams, flags telemetryFlags) (*watch, error) {
	w := &watch{
		std:      std,
		recorder: waterfall.NewRecorder(0),
		live:     waterfall.NewLive(std.err, waterfall.LiveOptionsFor(std.terminal(std.err))),
	}
	// What telemetry complains of goes above what is drawn, not through it.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { w.live.Printf("backspan: %v", err) }))
	config, err := flags.config(w.recorder, w.live)
	if err == nil {
		w.telemetry, err = telemetry.Start(ctx, config)
	}
	if err != nil {
		w.live.Stop()
		return nil, flags.explain(err)
	}
	return w, nil
}

// session is the id that the spans of the process have.
func (w *watch) session() string { return w.telemetry.Session() }

// end takes the live view off the screen and delivers what has been recorded, also after ctx was cancelled.
func (w *watch) end(ctx context.Context) {
	w.live.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTimeout)
	defer cancel()
	w.lost = w.telemetry.Shutdown(ctx)
}

// draw draws the waterfall on out and says where to look for more.
func (w *watch) draw(out io.Writer, result string) {
	t := w.std.terminal(out)
	columns, _ := t.Size()
	var text bytes.Buffer // a buffer never fails
	_ = waterfall.Render(&text, w.recorder.Spans(), waterfall.Options{Width: columns, Color: t.Color, ASCII: t.ASCII})
	if n := w.recorder.Dropped(); n > 0 {
		fmt.Fprintf(&text, "%d more spans are not drawn; the trace file has them\n", n)
	}
	text.WriteByte('\n')
	w.whereToLook(&text, result)
	say(out, "%s", text.String())
}

func (w *watch) whereToLook(text *bytes.Buffer, result string) {
	line := func(what, where string) {
		if where != "" {
			fmt.Fprintf(text, "%-8s %s\n", what, where)
		}
	}
	line("result", result)
	line("events", w.telemetry.EventsPath())
	if n := w.telemetry.EventsDropped(); n > 0 {
		line("", fmt.Sprintf("%d events could not be written", n))
	}
	line("trace", w.telemetry.TraceFilePath())
	line("Jaeger", w.jaeger())
	if w.lost != nil {
		fmt.Fprintf(text, "%v\n", w.lost)
	}
}
