package watch

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/telemetry"
)

// Complaints are what telemetry complained of, so that the end of a command need not say a reason again. The zero
// Complaints are ready for use.
type Complaints struct {
	mu    sync.Mutex
	texts []string
}

// maxComplaints bounds what is kept of a command that runs for weeks.
const maxComplaints = 20

// Keep keeps what was printed.
func (c *Complaints) Keep(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, text)
	c.texts = c.texts[max(0, len(c.texts)-maxComplaints):]
}

func (c *Complaints) said(reason string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.texts, func(text string) bool { return strings.Contains(text, reason) })
}

// Losses are lines for err, which is what Shutdown returned: what was lost, why unless it was said, and how to find out
// more about it.
func (c *Complaints) Losses(err error, flags *settings.Flags) (lines []string) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range many.Unwrap() {
			lines = append(lines, c.Losses(err, flags)...)
		}
		return lines
	}
	export, ok := errors.AsType[*telemetry.ExportError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return []string{err.Error()}
	}
	text := export.Error()
	if c.said(export.Err.Error()) {
		text = export.Loss()
	}
	doctor := "backspan doctor"
	if strings.HasPrefix(flags.Source("Endpoint"), "--") {
		doctor += " --otlp-endpoint " + export.Endpoint
	}
	return []string{text + "; to find out more: " + doctor}
}
