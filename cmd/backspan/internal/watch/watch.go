// Package watch is telemetry around the work of a verb that makes spans: a live view while it runs, and then
// the waterfall, where the recorded files are, and where Jaeger shows the trace.
package watch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/live"
	"github.com/backspan/backspan/cmd/backspan/internal/page"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
)

// ExportTimeout is how long a command that is done waits for a collector. With what ending an exporter takes besides,
// a collector that never answers costs less than 2 seconds.
const ExportTimeout = 1500 * time.Millisecond

// A Watch is one run of a verb: its telemetry, its live view on stderr, and the spans that it recorded.
type Watch struct {
	*Recording
	std   cli.Streams
	Live  *live.Live
	flags *settings.Flags
	told  Complaints
	lost  error // what telemetry could not deliver; never a reason to fail
}

// Start starts telemetry and the live view. The error says which setting cannot be used, or which file cannot
// be written.
func Start(ctx context.Context, std cli.Streams, flags *settings.Flags) (*Watch, error) {
	w := &Watch{
		std:   std,
		flags: flags,
		Live:  live.New(std.Err, live.OptionsFor(std.Terminal(std.Err))),
	}
	// Telemetry's errors go above what the live view draws, not through it.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		w.told.Keep(err.Error())
		w.Live.Printf("backspan: %v", err)
	}))
	config, err := flags.Config(w.Live)
	if err == nil {
		_, w.Recording, err = Record(ctx, config)
	}
	if err != nil {
		w.Live.Stop()
		return nil, err
	}
	flags.TellWithheld(w.telemetry.Destination(), func(format string, args ...any) {
		w.Live.Printf("backspan: "+format, args...)
	})
	return w, nil
}

// Session is the id that the spans of the process have.
func (w *Watch) Session() string { return w.telemetry.Session() }

// End takes the live view off the screen and delivers what has been recorded, also after ctx was cancelled.
func (w *Watch) End(ctx context.Context) {
	w.Live.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ExportTimeout)
	defer cancel()
	w.lost = w.telemetry.Shutdown(ctx)
}

// Draw draws the waterfall on out and says where to look for more.
func (w *Watch) Draw(out io.Writer, result string) {
	t := w.std.Terminal(out)
	columns, _ := t.Size()
	var drawn bytes.Buffer // a buffer never fails
	_ = waterfall.Render(&drawn, w.Recorded(), waterfall.Options{Width: columns, Color: t.Color, ASCII: t.ASCII})
	if n := w.recorder.Dropped(); n > 0 {
		fmt.Fprintf(&drawn, "%s not drawn; the trace file has them\n", text.Plural(n, "more span is", "more spans are"))
	}
	drawn.WriteByte('\n')
	w.whereToLook(&drawn, result)
	cli.Print(out, drawn.String())
}

func (w *Watch) whereToLook(out *bytes.Buffer, result string) {
	line := func(what, where string) {
		if where != "" {
			cli.Printf(out, "%-8s %s\n", what, where)
		}
	}
	line("result", result)
	line("events", w.telemetry.EventsPath())
	if n := w.telemetry.EventsDropped(); n > 0 {
		line("", text.Plural(n, "event", "events")+" could not be written")
	}
	line("trace", w.telemetry.TraceFilePath())
	line("Jaeger", w.jaeger())
	for _, lost := range w.told.Losses(w.lost, w.flags) {
		cli.Printf(out, "%s\n", lost)
	}
}

// WritePage writes the HTML page of what has been recorded to path, unless it is empty, and says so on out.
func (w *Watch) WritePage(out io.Writer, path string) error {
	if path == "" {
		return nil
	}
	target := cli.Target{Path: path}
	if err := target.WriteFile(func(out io.Writer) error { return page.Write(out, w.Recorded()) }); err != nil {
		return err
	}
	cli.Printf(out, "%-8s %s\n", "report", path)
	return nil
}
