package live

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// Options say what the writer of a Live can show. The zero Options give plain lines.
type Options struct {
	Redraw bool // it is a terminal: draw a few lines again and again in place, instead of printing more and more
	Reflow bool // the terminal breaks lines anew when it is resized (see term.Terminal)
	Color  bool // only with Redraw
	ASCII  bool

	// Size returns the columns and rows as they are now; it is asked for every drawing. nil means 80 by 24.
	Size func() (columns, rows int)
}

// OptionsFor are the options that suit t.
func OptionsFor(t term.Terminal) Options {
	return Options{Redraw: t.Redraw, Reflow: t.Reflow, Color: t.Color, ASCII: t.ASCII, Size: t.Size}
}

// A Live is a span processor that shows what Backspan's spans do while they do it. On a terminal it redraws a few
// lines: the running phases and operations, the number of the attempt, and during a wait the time that is left and
// the reason. Elsewhere it prints a line when a phase starts or ends, when an attempt failed, and when an operation
// recovered or was given up.
//
// It writes from a goroutine of its own and never holds up the program whose spans it sees: when its writer is
// slow it shows less, and when its writer is closed it shows nothing. What else is to be on the same terminal must go
// through Write or Printf while a Live runs. Stop ends it.
type Live struct {
	options Options
	started time.Time
	out     *outlet

	mu      sync.Mutex
	state   liveState
	stopped bool
}

var (
	_ sdktrace.SpanProcessor = (*Live)(nil)
	_ io.Writer              = (*Live)(nil)
)

// New starts to show spans on w.
func New(w io.Writer, o Options) *Live {
	if o.Size == nil {
		o.Size = func() (int, int) { return term.DefaultColumns, term.DefaultRows }
	}
	l := &Live{options: o, started: time.Now(), state: newLiveState()}
	l.out = newOutlet(w, screen{options: o}, l.frame)
	return l
}

// OnStart notes that a span of ours runs.
func (l *Live) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	if scope.Starting(parent) == "" || !session.Ours(s) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	if n := l.state.start(scope.From(parent), s); n != nil && !l.options.Redraw {
		l.say(n.startLine())
	}
}

// OnEnd notes how a span of ours ended.
func (l *Live) OnEnd(s sdktrace.ReadOnlySpan) {
	if !session.Ours(s) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	n := l.state.end(s)
	if n != nil && !l.options.Redraw {
		span := session.FromSDK(s)
		l.say(n.endLine(&span))
	}
}

// say prints a line of the plain kind.
func (l *Live) say(line string) {
	if line == "" {
		return
	}
	if l.options.ASCII {
		line = text.ASCII(line)
	}
	l.out.say(fmt.Appendf(nil, "%7.3fs  %s\n", time.Since(l.started).Seconds(), line))
}

// frame is what is to be seen now.
func (l *Live) frame(columns, rows int) []*term.Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := newFrame(l.options, columns, rows, time.Now())
	return f.draw(l.state.roots)
}

// Write prints the complete lines of p above what is drawn, unchanged, and keeps the rest until its line is complete.
// It waits when much is to be printed, for a second at most; what does not fit then is dropped, and counted on the
// terminal. After Stop it writes to where the Live wrote. The error is always nil before Stop.
func (l *Live) Write(p []byte) (int, error) { return l.out.write(p) }

// Printf prints a message above what is drawn, as Write does. It is made by text.Sprintf, and ends with a newline.
func (l *Live) Printf(format string, args ...any) {
	// The writer is where an error would be reported.
	_, _ = l.Write([]byte(text.Sprintf(strings.TrimSuffix(format, "\n")+"\n", args...)))
}

// Settle waits until what spans had to tell so far is written, for a second at most. What is then written elsewhere, to
// the same file, comes after it.
func (l *Live) Settle() { l.out.settle() }

// Stop prints what is still to be printed, takes away what is drawn, and ends the goroutine. It waits for the terminal
// for at most a second; a terminal that takes nothing at all keeps the goroutine until it does. Stop may be called more
// than once, and at any time: spans that start or end later are not shown.
func (l *Live) Stop() { _ = l.Shutdown(context.Background()) } // it never fails

// Shutdown is Stop for the tracer provider; it does not wait longer than ctx. It never fails.
func (l *Live) Shutdown(ctx context.Context) error {
	l.mu.Lock()
	l.stopped = true
	l.state = newLiveState()
	l.mu.Unlock()
	l.out.stop(ctx)
	return nil
}

// ForceFlush does nothing: there is nothing to be lost.
func (l *Live) ForceFlush(context.Context) error { return nil }

// isShown tells the spans that have a line of their own in the live view.
func isShown(kind string) bool {
	return kind == semconv.KindRun || kind == semconv.KindPhase || kind == semconv.KindOperation
}
