package exec

import (
	"context"
	"os"
	"sync"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

// tracing is exec's telemetry. Each failure of it is one line on stderr, and the command runs all the same.
type tracing struct {
	telemetry *telemetry.Telemetry // nil: its settings cannot be used
	log       *lateLog             // nil: none
	session   string
	tell      func(format string, args ...any)
}

// startTracing starts what can be started. Only a flag that was typed is an error, because its user is there to
// correct it. A variable, a file or a disk may fail in a job at night, which has to run.
func (o *Options) startTracing(ctx context.Context) (*tracing, error) {
	t := &tracing{tell: func(format string, args ...any) {
		if !o.quiet {
			cli.Printf(o.Err, "backspan: "+format+"\n", args...)
		}
	}}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.tell("%v", err) }))
	flags := &o.Flags
	err := t.start(ctx, flags)
	if err != nil {
		if flags.Typed(err) {
			return nil, err
		}
		t.tell("%v", err)
		flags = o.TypedOnly()
		if again := t.start(ctx, flags); again != nil && again.Error() != err.Error() {
			t.tell("%v", again)
		}
	}
	if t.telemetry != nil {
		t.session = t.telemetry.Session()
	} else if id, err := uuid.Parse(os.Getenv(telemetry.SessionVariable)); err == nil {
		t.session = id.String()
	} else {
		t.session = uuid.NewString()
	}
	return t, nil
}

// start starts telemetry, without the trace file when that cannot be opened.
func (t *tracing) start(ctx context.Context, flags *settings.Flags) error {
	config, err := flags.Config()
	if err != nil {
		return err
	}
	if config.Events != telemetry.Off {
		t.log = &lateLog{path: config.Events, tell: t.tell}
		config.Processors = []sdktrace.SpanProcessor{t.log}
		config.Events = telemetry.Off // the processor opens the log, later
	}
	t.telemetry, err = telemetry.Start(ctx, config)
	if err != nil && config.TraceFile != "" {
		t.tell("%v", err)
		config.TraceFile = ""
		t.telemetry, err = telemetry.Start(ctx, config)
	}
	if err != nil {
		t.log = nil
		return err
	}
	if t.log != nil {
		t.log.session = t.telemetry.Session()
	}
	return nil
}

// end exports what was recorded, within ctx.
func (t *tracing) end(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	if t.log != nil {
		t.log.close()
	}
	if t.telemetry == nil {
		return
	}
	if err := t.telemetry.Shutdown(ctx); err != nil {
		t.tell("%v", err)
	}
}

// A lateLog is the event log, opened at the first failure. Most commands succeed at their first attempt: they need no
// file, and no directory for it where they happen to run.
type lateLog struct {
	path    string // empty: the default
	session string
	tell    func(format string, args ...any)

	mu     sync.Mutex
	tried  bool
	told   string // the last complaint: Close repeats the error of Write
	writer *events.Writer
	log    *telemetry.EventLog // nil: not opened yet, or it cannot be opened
}

var _ sdktrace.SpanProcessor = (*lateLog)(nil)

// OnStart does nothing: only runs and phases have records of their start, and exec has neither.
func (l *lateLog) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd writes the records of a span. Before the first failure there are none.
func (l *lateLog) OnEnd(span sdktrace.ReadOnlySpan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.tried && span.Status().Code == codes.Error {
		l.tried = true
		l.open()
	}
	if l.log != nil {
		l.log.OnEnd(span)
	}
}

func (l *lateLog) open() {
	path := l.path
	if path == "" {
		path = events.DefaultPath
	}
	writer, err := events.Open(path, events.Options{OnError: l.complain})
	if err != nil {
		l.complain(err)
		return
	}
	l.writer, l.log = writer, telemetry.NewEventLog(writer, l.session)
}

func (l *lateLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.writer.Close(); err != nil { // nil works, too
		l.complain(err)
	}
	l.log = nil
}

// complain prints an error of the log, unless it was the last one printed.
func (l *lateLog) complain(err error) {
	if text := err.Error(); text != l.told {
		l.told = text
		l.tell("%s", text)
	}
}

// ForceFlush does nothing: lines are written as spans end.
func (l *lateLog) ForceFlush(context.Context) error { return nil }

// Shutdown does nothing: close has been called before.
func (l *lateLog) Shutdown(context.Context) error { return nil }
