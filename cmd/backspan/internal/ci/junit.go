package ci

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// The file has the form of Maven's Surefire, for which Jenkins has a schema. Its element flakyFailure is an attempt
// that failed before one succeeded, failure the first attempt of what was given up, rerunFailure another one of that.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Time     junitSeconds `xml:"time,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Time       junitSeconds    `xml:"time,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      junitSeconds  `xml:"time,attr"`
	Skipped   *junitFailure `xml:"skipped"`
	Error     *junitFailure `xml:"error"`
	Failure   *junitFailure `xml:"failure"`
	Reruns    []junitRerun  `xml:"rerunFailure"`
	Flaky     []junitRerun  `xml:"flakyFailure"`
	Out       string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

type junitRerun struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"` // the schema requires it
	Text    string `xml:"stackTrace"`
}

// A junitSeconds is a time in the file.
type junitSeconds time.Duration

// MarshalText writes seconds with three decimals.
func (d junitSeconds) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", max(0, time.Duration(d)).Seconds()), nil
}

// maxMessage is how many columns of an error an attribute has. The whole stands in the element.
const maxMessage = 300

// WriteJUnit writes the results as a JUnit file: a test suite for each phase, with a test case for the phase and one
// for each of its operations. Outside a pipeline, it is one for each outermost operation.
func WriteJUnit(w io.Writer, r Results) error {
	file := junitSuites{Name: r.name(), Time: junitSeconds(r.Session.Last.Sub(r.Session.First))}
	class := file.Name
	if r.Report == nil {
		class = "exec" // the command's line would not be a stable name
	}
	for _, c := range r.cases() {
		suite := suiteOf(c, class)
		suite.Properties = propertiesOf(r.Session, c)
		file.Tests += suite.Tests
		file.Failures += suite.Failures
		file.Errors += suite.Errors
		file.Suites = append(file.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(file); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suiteOf is the suite of an outermost case, whose class is outer.
func suiteOf(c *testCase, outer string) junitSuite {
	suite := junitSuite{Name: text.Name(c.name), Time: junitSeconds(c.took())}
	if len(c.runs) > 0 {
		suite.Timestamp = c.runs[0].From.UTC().Format("2006-01-02T15:04:05")
	}
	for _, c := range all([]*testCase{c}) {
		class := outer
		if c.parent != nil {
			class = strings.Join(append([]string{outer}, c.parent.path()...), ".")
		}
		suite.Cases = append(suite.Cases, junitCaseOf(c, class))
		suite.Tests++
		switch c.verdict() {
		case skipped:
			suite.Skipped++
		case broken:
			suite.Errors++
		case failed:
			suite.Failures++
		}
	}
	return suite
}

func propertiesOf(s *session.Session, c *testCase) (list []junitProperty) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, junitProperty{name, text.Line(value)})
		}
	}
	add("session.id", s.ID)
	add("outcome", c.said())
	if len(c.runs) == 0 {
		return list
	}
	add("trace.id", c.runs[0].TraceID.String())
	for _, try := range c.runs[0].Tries {
		if command := try.Text(semconv.ProcessCommandKey); command != "" {
			add("command", command)
			break
		}
	}
	return list
}

func junitCaseOf(c *testCase, class string) junitCase {
	test := junitCase{Name: text.Name(c.name), ClassName: class, Time: junitSeconds(c.took()), Out: outOf(c)}
	reruns := rerunsOf(c)
	why := &junitFailure{Message: c.outcome().Word(), Type: typeOf(c)}
	if reason := text.Line(c.reason()); reason != "" {
		why.Message = c.said() + ": " + text.Cut(reason, maxMessage, "…")
	}
	switch c.verdict() {
	case well:
		test.Flaky = reruns
	case skipped:
		why.Type = ""
		test.Skipped, test.Flaky = why, reruns
	case broken:
		test.Error, test.Reruns = why, reruns
	case failed:
		test.Failure = why
		if len(reruns) > 0 { // as Surefire has it, the first attempt is the failure
			why.Text, test.Reruns = reruns[0].Text, reruns[1:]
		}
	}
	return test
}

// outOf says in words what happened in a case with failures.
func outOf(c *testCase) string {
	n := len(c.failures())
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s; %s failed; lost %s, waited %s", c.said(), text.Plural(n, "attempt", "attempts"),
		text.Duration(c.lost()), text.Duration(c.waited()))
}

// noType is the type of an error that has none.
const noType = "error"

func typeOf(c *testCase) string {
	if len(c.runs) == 0 {
		return noType
	}
	return cmp.Or(text.Line(c.runs[len(c.runs)-1].Text(semconv.ErrorTypeKey)), noType)
}

func rerunsOf(c *testCase) (list []junitRerun) {
	for _, try := range c.failures() {
		failure := cmp.Or(try.Failure(), "no reason given")
		label := attemptOf(try, len(c.runs) > 1)
		list = append(list, junitRerun{
			Message: text.Cut(text.Line(failure), maxMessage, "…"),
			Type:    cmp.Or(text.Line(try.Text(semconv.ErrorTypeKey)), noType),
			Text: fmt.Sprintf("%s, took %s: %s", label, text.Duration(try.To.Sub(try.From)),
				text.Safe(failure, text.MaxText)),
		})
	}
	return list
}

// attemptOf names an attempt: "attempt 2", and when its operation ran again "build recovery 1, link attempt 2".
func attemptOf(try *session.Node, again bool) string {
	if !again {
		return text.Name(try.Label())
	}
	var names []string
	for n := try; n != nil; n = n.Parent {
		if n.IsTry() && n.Parent != nil {
			names = append(names, text.Name(n.Parent.Name)+" "+text.Name(n.Label()))
		}
	}
	slices.Reverse(names)
	return strings.Join(names, ", ")
}
