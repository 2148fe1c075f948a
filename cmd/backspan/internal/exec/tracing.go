package exec

import (
	"context"
	"fmt"
	"os"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/watch"
	"github.com/backspan/backspan/telemetry"
)

// tracing is exec's telemetry. Each failure of it is one line on stderr, and the command runs all the same.
type tracing struct {
	telemetry *telemetry.Telemetry // nil: its settings cannot be used
	recording *watch.Recording     // nil: nobody asks for it
	session   string
	records   bool // there is an event log, a trace file or a collector
	flags     *settings.Flags
	told      watch.Complaints
	messages  *messages
	mask      func(string) string // what leaves the process of error texts
}

// startTracing starts what can be started. Only a flag that was typed is an error, because its user is there to
// correct it. A variable, a file or a disk may fail in a job at night, which has to run.
func (o *Options) startTracing(ctx context.Context) (*tracing, error) {
	t := &tracing{messages: &messages{}}
	if !o.quiet {
		t.messages.to = o.Err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		t.told.Keep(err.Error())
		t.tell("%v", err)
	}))
	flags := &o.Flags
	err := t.start(ctx, flags, o.junit != "")
	if err != nil {
		if flags.Typed(err) {
			return nil, err
		}
		t.tell("%v", err)
		flags = o.TypedOnly()
		if again := t.start(ctx, flags, o.junit != ""); again != nil && again.Error() != err.Error() {
			t.tell("%v", again)
		}
	}
	flags.TellWithheld(t.telemetry.Destination(), t.tell)
	t.flags, t.mask = flags, flags.Redact()
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
func (t *tracing) start(ctx context.Context, flags *settings.Flags, record bool) error {
	config, err := flags.Config()
	if err != nil {
		return err
	}
	// Most commands succeed at their first attempt: they need no file, and no directory for it wherever they happen
	// to run.
	config.EventOptions.Lazy = true
	begin := func() (err error) {
		if record || flags.GitHub() {
			t.telemetry, t.recording, err = watch.Record(ctx, config)
		} else {
			t.telemetry, err = telemetry.Start(ctx, config)
		}
		return err
	}
	err = begin()
	if err != nil && config.TraceFile != "" {
		t.tell("%v", err)
		config.TraceFile = ""
		err = begin()
	}
	t.records = err == nil && (config.Events != telemetry.Off || config.TraceFile != "" ||
		t.telemetry.Destination().State == telemetry.ExportOn)
	return err
}

// tell prints a message, at the latest when the command that has the terminal has ended.
func (t *tracing) tell(format string, args ...any) { t.messages.tell(fmt.Sprintf(format, args...)) }

// end exports what was recorded, within ctx.
func (t *tracing) end(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	for _, lost := range t.told.Losses(t.telemetry.Shutdown(ctx), t.flags) {
		t.tell("%s", lost)
	}
}
