package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// A Status says how bad a Finding is.
type Status string

// The statuses of findings.
const (
	OK      Status = "ok"
	Note    Status = "note"    // worth knowing, and perhaps wanted
	Problem Status = "problem" // spans or events are missing or will be lost
)

// A Finding is the result of one check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"` // what to do; empty when nothing has to be done
}

// A Setup is what Examine checks.
type Setup struct {
	Config    telemetry.Config          // what Start would get
	Redact    []string                  // what Config.Redact masks besides secrets, or off alone
	Source    func(field string) string // who filled a field of Config: "--service"; nil: the field's name
	Timeout   time.Duration             // for each step on the network; more than 0
	Withheld  *otelenv.Withheld         // the headers that Config leaves out; nil: there are none
	JaegerURL string                    // where Jaeger's pages are; empty: the endpoint's host, port 16686
	jaegerAt  func(host string) string  // in place of that port, for tests
	now       func() time.Time          // for tests
}

// A Report is the findings of all checks.
type Report struct {
	OK       bool      `json:"ok"` // Problems is 0
	Problems int       `json:"problems"`
	TraceID  string    `json:"trace_id,omitempty"` // of the test span; empty when none was taken
	Checks   []Finding `json:"checks"`
}

// Examine makes all checks. It takes at most about four times Setup.Timeout.
func Examine(ctx context.Context, p Setup) Report {
	e := newExam(p)
	e.settings()
	e.service()
	e.sampler()
	e.propagators()
	if e.export() && e.endpoint() {
		e.testSpan(ctx)
		e.jaeger(ctx)
	}
	e.metrics()
	e.events()
	e.traceFile()
	e.redaction()
	e.clock(ctx)
	e.report.OK = e.report.Problems == 0
	return e.report
}

// An exam is one call of Examine.
type exam struct {
	Setup
	seen   otelenv.Settings
	report Report
	// Facts that one check leaves for a later one.
	lastEvent time.Time     // of the event log; zero: it has none
	remote    time.Time     // another machine's clock; zero: not known
	skew      time.Duration // how far this machine's clock is ahead of remote
	whose     string        // whose clock remote is: "Jaeger's"
}

func newExam(p Setup) *exam {
	if p.Source == nil {
		p.Source = func(field string) string { return field }
	}
	if p.now == nil {
		p.now = time.Now
	}
	return &exam{Setup: p, seen: otelenv.Read(settings.Program(p.Config, p.Source))}
}

func (e *exam) found(check string, status Status, advice, format string, args ...any) {
	if status == Problem {
		e.report.Problems++
	}
	e.report.Checks = append(e.report.Checks, Finding{check, status, fmt.Sprintf(format, args...), advice})
}

// bad reports a setting that cannot be used.
func (e *exam) bad(check string, err error) {
	setting, ok := errors.AsType[*otelenv.Error](err)
	if !ok {
		e.found(check, Problem, "", "%v", err)
		return
	}
	e.found(check, Problem, "want "+setting.Want, "%s", setting.Fault())
}

// by names in brackets who configured s.
func by(s otelenv.Setting, otherwise string) string {
	if s.From == "" {
		return otherwise
	}
	return " (" + s.From + ")"
}
