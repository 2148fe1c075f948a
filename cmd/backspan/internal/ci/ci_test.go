package ci

import (
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/semconv"
)

var epoch = time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC)

// spans makes spans that follow each other, a second each.
type spans []session.Span

func (s *spans) add(kind, name string, parent trace.SpanID, failure string, more ...attribute.KeyValue) trace.SpanID {
	span := session.Span{
		Kind: kind, Name: name, TraceID: trace.TraceID{1}, ParentID: parent,
		Start: epoch.Add(time.Duration(len(*s)) * time.Second), End: epoch.Add(time.Duration(len(*s)+1) * time.Second),
		Attributes: more,
	}
	binary.BigEndian.PutUint64(span.SpanID[:], uint64(len(*s)+1))
	if failure != "" {
		span.Status, span.StatusText = codes.Error, failure
	}
	*s = append(*s, span)
	return span.SpanID
}

// operation adds an operation that failed once, and ended with outcome.
func (s *spans) operation(name, outcome, failure string) {
	failed, last := "", ""
	if outcome == semconv.OutcomeExhausted {
		failed, last = "gave up: "+failure, failure
	}
	id := s.add(semconv.KindOperation, name, trace.SpanID{}, failed, semconv.OutcomeKey.String(outcome))
	s.add(semconv.KindAttempt, "attempt 1", id, failure, semconv.ResultKey.String(semconv.ResultRetrying))
	s.add(semconv.KindAttempt, "attempt 2", id, last, semconv.ResultKey.String(semconv.ResultFailed))
}

func (s spans) results() Results { return Results{Session: session.New(s)} }

// GitHub shows ten annotations of each kind, and no summary at all that is too large.
func TestManyCases(t *testing.T) {
	var s spans
	for i := range 60 {
		s.operation(fmt.Sprint("given up ", i), semconv.OutcomeExhausted, "no route")
		s.operation(fmt.Sprint("recovered ", i), semconv.OutcomeRecovered, strings.Repeat("long ", 10_000))
	}
	lines := Annotations(s.results())
	if len(lines) != 20 || !strings.HasPrefix(lines[9], "::error title=51 more::") ||
		!strings.HasPrefix(lines[19], "::warning title=51 more::") {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
	summary := Summary(s.results())
	rows := strings.Count(summary, "\n| :x:")
	if rows != 50 || !strings.Contains(summary, "\n70 more are not shown.\n") || len(summary) > 100_000 {
		t.Errorf("%d rows in %d bytes:\n%s", rows, len(summary), summary)
	}
}

// A span without tries, as FromFirstFailure makes, one that is open, and one that was skipped are cases, too.
func TestStrangeCases(t *testing.T) {
	var s spans
	exhausted := semconv.OutcomeKey.String(semconv.OutcomeExhausted)
	s.add(semconv.KindOperation, "untried", trace.SpanID{}, "no route", exhausted)
	s.add(semconv.KindOperation, "open", trace.SpanID{}, "")
	s[1].End = time.Time{}
	s.add(semconv.KindOperation, "skipped", trace.SpanID{}, "", semconv.SkippedKey.String("nothing to do"))
	s.add("", "of another instrumentation", trace.SpanID{}, "")
	var b strings.Builder
	if err := WriteJUnit(&b, s.results()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`tests="3" failures="1" errors="1"`,
		`<failure message="exhausted: no route" type="error">`,
		`<error message="not ended" type="error">`,
		`<skipped message="skipped: nothing to do">`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %s in\n%s", want, b.String())
		}
	}
	lines := Annotations(s.results())
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "::error title=untried%3A exhausted::") {
		t.Errorf("annotations: %q", lines)
	}
}

// What ran twice in one try is two cases; what ran again because it was tried again is one.
func TestRunsOfTheSameName(t *testing.T) {
	var s spans
	phase := s.add(semconv.KindPhase, "p", trace.SpanID{}, "", semconv.RecoverySuccessKey.Bool(true))
	for try, kind := range []string{semconv.KindAttempt, semconv.KindRecovery} {
		id := s.add(kind, fmt.Sprint("try ", try), phase, "")
		for range 2 {
			s.add(semconv.KindOperation, "upload", id, "")
		}
	}
	s[0].End = s[len(s)-1].End
	cases := all(s.results().cases())
	if len(cases) != 3 {
		t.Fatalf("%d cases, want the phase and two uploads", len(cases))
	}
	for _, c := range cases[1:] {
		if len(c.runs) != 2 || c.title() != "p / upload" {
			t.Errorf("%s has %d runs, want 2", c.title(), len(c.runs))
		}
	}
}

// Nothing is said of what went well.
func TestNothingRetried(t *testing.T) {
	var s spans
	s.add(semconv.KindOperation, "well", trace.SpanID{}, "")
	path := filepath.Join(t.TempDir(), "summary.md")
	if err := AppendSummary(path, s.results()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) || len(Annotations(s.results())) > 0 {
		t.Errorf("something was said: %v, %q", err, Annotations(s.results()))
	}
}

// Whatever the texts are, the file is XML, an annotation is one line, and a row has six cells.
func FuzzTexts(f *testing.F) {
	f.Add("get|b", "a\x00\x1b[31m\xff\ufffe]]>&<x>\r\n::error::\\|`*_@$\u202e")
	f.Fuzz(func(t *testing.T, name, failure string) {
		var s spans
		s.operation(name, semconv.OutcomeExhausted, failure+"x")
		var b strings.Builder
		if err := WriteJUnit(&b, s.results()); err != nil {
			t.Fatal(err)
		}
		var file struct {
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure string `xml:"failure"`
			} `xml:"testsuite>testcase"`
		}
		if err := xml.Unmarshal([]byte(b.String()), &file); err != nil {
			t.Fatalf("%v:\n%s", err, b.String())
		}
		if len(file.Cases) != 1 || file.Cases[0].Name == "" || file.Cases[0].Failure == "" {
			t.Errorf("got %+v", file)
		}
		lines := append(Annotations(s.results()), b.String(), Summary(s.results()))
		for _, line := range lines {
			if !utf8.ValidString(line) || strings.ContainsAny(line, "\x00\r\x1b") {
				t.Errorf("not valid: %q", line)
			}
		}
		if len(lines) != 3 || strings.Contains(lines[0], "\n") || strings.Count(lines[0], "::") < 2 {
			t.Errorf("annotations: %q", lines[:len(lines)-2])
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "::error title="), "::")
		if strings.ContainsAny(title, ":,") {
			t.Errorf("the title has what ends a property: %q", title)
		}
		_, row, _ := strings.Cut(lines[2], "---:|---|\n")
		row, _, _ = strings.Cut(row, "\n")
		plain := strings.NewReplacer(`\\`, "", `\|`, "").Replace(row)
		if strings.Count(plain, "|") != 7 {
			t.Errorf("not six cells: %q", row)
		}
	})
}
