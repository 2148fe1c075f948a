package telemetry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/events"
)

// Lines that cannot be written are told to OpenTelemetry's error handler once, and once more when they are lost again after
// it worked in between.
func TestLostLinesAreToldOnceAnOutage(t *testing.T) {
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
		errs := handler.list()
		if len(errs) != outage || !strings.Contains(errs[outage-1].Error(), dir) {
			t.Fatalf("outage %d: told %v, want what is wrong with %s, once an outage", outage, errs, dir)
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
		t.Errorf("%d lines, want each outage owned up to in front of two lines:\n%s", len(got), strings.Join(got, "\n"))
	}
	if errs := handler.list(); len(errs) != 2 {
		t.Errorf("told %v after all was well again", errs)
	}
}
