package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/backspan/backspan/telemetry"
)

// A Status says how bad a Finding is.
type Status string

// The statuses of findings.
const (
	OK      Status = "ok"
	Note    Status = "note"    // worth knowing, and may be what is wanted
	Problem Status = "problem" // why nothing is seen, or something that will be lost
)

// A Finding is the result of one check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"` // what to do; empty when nothing has to be done
}

// A Patient is what is examined.
type Patient struct {
	Config    telemetry.Config          // what Start would get
	Source    func(field string) string // who filled a field of Config ("--service"); nil: the field's name is shown
	Getenv    func(string) string       // nil: os.Getenv
	Timeout   time.Duration             // for each step on the network; 0 means 5s
	JaegerURL string                    // where Jaeger's pages are; empty: the endpoint's host, port 16686
	jaegerAt  func(host string) string  // in place of that port, for tests
	now       func() time.Time          // for tests
}

// A Report is all that was found.
type Report struct {
	OK       bool      `json:"ok"` // there is no problem
	Problems int       `json:"problems"`
	TraceID  string    `json:"trace_id,omitempty"` // of the test span; empty when none was taken
	Checks   []Finding `json:"checks"`
}

// Examine makes all checks. It takes at most about four times the Patient's Timeout.
func Examine(ctx context.Context, p Patient) Report {
	e := newExam(ctx, p)
	e.settings()
	e.service()
	e.sampler()
	e.propagators()
	if e.export() && e.endpoint() {
		e.testSpan(ctx)
		e.jaeger(ctx)
	}
	e.events()
	e.traceFile()
	e.clock(ctx)
	e.report.OK = e.report.Problems == 0
	return e.report
}

// An exam is one examination while it goes on.
type exam struct {
	Patient
	seen   telemetry.Description
	report Report
	// What one check finds out for a later one.
	lastEvent time.Time // zero: none
	remote    time.Time // somebody else's clock; zero: nobody said
	skew      time.Duration
	whose     string // clock that was
}

func newExam(ctx context.Context, p Patient) *exam {
	if p.Source == nil {
		p.Source = func(field string) string { return field }
	}
	if p.Getenv == nil {
		p.Getenv = os.Getenv
	}
	if p.Timeout <= 0 {
		p.Timeout = 5 * time.Second
	}
	if p.now == nil {
		p.now = time.Now
	}
	return &exam{Patient: p, seen: telemetry.Describe(ctx, p.Config)}
}

func (e *exam) found(check string, status Status, advice, format string, args ...any) {
	if status == Problem {
		e.report.Problems++
	}
	e.report.Checks = append(e.report.Checks, Finding{check, status, fmt.Sprintf(format, args...), advice})
}

// field is a field of telemetry.Config, as in what a setting should be beside another.
var field = regexp.MustCompile(`Config\.\w+`)

// bad reports a setting that cannot be used.
func (e *exam) bad(check string, err error) {
	var setting *telemetry.ConfigError
	if !errors.As(err, &setting) {
		e.found(check, Problem, "", "%v", err)
		return
	}
	name := e.Source(setting.Name)
	text := name + " cannot be used"
	if setting.Value != "" {
		text = fmt.Sprintf("%s is %q", name, setting.Value)
	}
	if setting.Err != nil {
		text += fmt.Sprintf(": %v", setting.Err)
	}
	want := field.ReplaceAllStringFunc(setting.Want, e.Source)
	e.found(check, Problem, "want "+want, "%s", text)
}

// by says in brackets who configured s.
func (e *exam) by(s telemetry.Setting, otherwise string) string {
	if s.From == "" {
		return otherwise
	}
	return " (" + e.Source(s.From) + ")"
}
