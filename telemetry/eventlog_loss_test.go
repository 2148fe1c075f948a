package telemetry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/events"
)

// What may pass keeps no program from starting: it is told once, what is lost is counted, and Shutdown says so.
func TestAnEventLogThatCannotBeWritten(t *testing.T) {
	handler := collectErrors(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := quiet(t)
	cfg.Events = filepath.Join(file, "session", "events.jsonl")
	tel := run(t, cfg)
	for range 3 {
		operation(t.Context(), tel.TracerProvider(), "data_load")
	}
	lostAllOf(t, tel, handler, cfg.Events, 3*linesOfOperation)
}

// lostAllOf fails the test unless all lines were lost, which was told once, and Shutdown says how many.
func lostAllOf(t *testing.T, tel *Telemetry, handler *handled, path string, lines int) {
	t.Helper()
	if got := tel.EventsDropped(); got != uint64(lines) {
		t.Errorf("%d lines dropped, want %d", got, lines)
	}
	err := tel.Shutdown(t.Context())
	if want := fmt.Sprint("events lost: ", lines); err == nil || !strings.Contains(err.Error(), want) ||
		!strings.Contains(err.Error(), path) {
		t.Errorf("Shutdown said %v, want %s and %q", err, path, want)
	}
	if errs := handler.list(); len(errs) != 1 || !strings.Contains(errs[0].Error(), path) {
		t.Errorf("told %v, want what is wrong with %s, once", errs, path)
	}
}

// A path that can never be an event log is refused when somebody named it. The default path nobody named: the program
// goes on without.
func TestAPathThatCanNeverBeAnEventLog(t *testing.T) {
	for _, lazy := range []bool{false, true} {
		for name, spoil := range map[string]func(path string) error{
			"directory":     func(path string) error { return os.MkdirAll(path, 0o700) },
			"symbolic link": func(path string) error { return os.Symlink("elsewhere", path) },
			"symbolic link above it": func(path string) error {
				return errors.Join(os.Remove(filepath.Dir(path)), os.Symlink(os.TempDir(), filepath.Dir(path)))
			},
		} {
			t.Run(fmt.Sprint(name, ", lazy ", lazy), func(t *testing.T) {
				handler := collectErrors(t)
				t.Chdir(t.TempDir())
				err := errors.Join(os.MkdirAll(filepath.Dir(events.DefaultPath), 0o700), spoil(events.DefaultPath))
				if err != nil {
					t.Fatal(err)
				}
				cfg := Config{NoExport: true, Local: true, Events: events.DefaultPath}
				cfg.EventOptions.Lazy = lazy
				_, err = Start(t.Context(), cfg)
				var bad *FieldError
				if !errors.As(err, &bad) || bad.Field != "Config.Events" || bad.Value != quoted(cfg.Events) ||
					!errors.Is(err, events.ErrPath) {
					t.Errorf("Start said %v, want that Config.Events cannot be used", err)
				}
				cfg.Events = ""
				tel := run(t, cfg)
				operation(t.Context(), tel.TracerProvider(), "data_load")
				lostAllOf(t, tel, handler, filepath.FromSlash(events.DefaultPath), linesOfOperation)
			})
		}
	}
}

// Lines that cannot be written are told to OpenTelemetry's error handler while it lasts, and no more than once a
// minute, however often it worked in between. Shutdown tells how many were lost after that.
func TestLostLinesAreToldOnceAMinute(t *testing.T) {
	handler := collectErrors(t)
	cfg := quiet(t)
	dir := filepath.Join(filepath.Dir(cfg.Events), "session")
	cfg.Events = filepath.Join(dir, "events.jsonl")
	cfg.EventOptions.CheckInterval = time.Nanosecond
	tel := run(t, cfg)
	for outage := 1; outage <= 2; outage++ {
		if err := errors.Join(os.Rename(dir, dir+".away"), os.WriteFile(dir, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			operation(t.Context(), tel.TracerProvider(), "data_load")
		}
		if errs := handler.list(); len(errs) != 1 || !strings.Contains(errs[0].Error(), dir) {
			t.Fatalf("outage %d: told %v, want what is wrong with %s, once a minute", outage, errs, dir)
		}
		if got := tel.EventsDropped(); got != uint64(outage*3*linesOfOperation) {
			t.Errorf("outage %d: %d lines dropped", outage, got)
		}
		if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
			t.Fatal(err)
		}
		operation(t.Context(), tel.TracerProvider(), "data_load")
	}
	got := lines(t, cfg.Events)
	if len(got) != 2*(1+linesOfOperation) || !strings.Contains(got[0], `"type": "`+events.TypeEventsDropped+`"`) {
		t.Errorf("%d lines, want a record of each outage in front of two lines:\n%s", len(got), strings.Join(got, "\n"))
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown said %v, want nothing: the log has a record of it", err)
	}
	errs := handler.list()
	if len(errs) != 2 {
		t.Fatalf("told %v, want twice", errs)
	}
	lost, ok := errors.AsType[*events.LostError](errs[1])
	if !ok || lost.Lost != tel.EventsDropped() || !strings.Contains(errs[1].Error(), dir) {
		t.Errorf("told %v, want that %d lines were lost and what is wrong with %s", errs[1], tel.EventsDropped(), dir)
	}
}
