package telemetry

import (
	"cmp"
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/otelenv"
)

// openEvents opens the event log. A path that can never be one is an error if the program named it. If it is the
// default path, the error is reported and the program goes on without an event log.
func (t *Telemetry) openEvents(cfg Config, env otelenv.Settings) (RecordWriter, error) {
	options := cfg.EventOptions
	if options.Redact == nil {
		options.Redact = cfg.Redact
	}
	if options.OnError == nil {
		options.OnError = handleError
	}
	options.Service = cmp.Or(options.Service, env.Service.Value)
	path := cmp.Or(cfg.Events, events.DefaultPath)
	w, err := events.Open(path, options)
	switch {
	case err == nil:
		t.events = w
		return w, nil
	case !errors.Is(err, events.ErrPath):
		return nil, err
	case cfg.Events != "":
		return nil, &FieldError{
			Field: "Config.Events", Value: strconv.Quote(path), Want: "the path of a file", Err: err,
		}
	}
	options.OnError(err)
	t.noEvents = &noEventLog{why: err}
	return t.noEvents, nil
}

// A noEventLog stands in for an event log that can never be opened. It counts the records.
type noEventLog struct {
	why     error
	dropped atomic.Uint64
}

func (l *noEventLog) Write(*events.Record) { l.dropped.Add(1) }

// Close returns how many records were lost.
func (l *noEventLog) Close() error {
	if n := l.dropped.Load(); n > 0 {
		return &events.LostError{Lost: n, Err: l.why}
	}
	return nil
}
