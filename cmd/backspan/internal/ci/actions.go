package ci

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// SummaryVariable names the file of the job's summary, to which each step appends Markdown.
const SummaryVariable = "GITHUB_STEP_SUMMARY"

// What GitHub shows at most: of a step so many warnings and so many errors, and so much of a summary. A summary that is
// larger is not shown at all.
const (
	maxAnnotations = 10
	maxSummary     = 1 << 20 // bytes
)

// maxRows is how many rows a table has, and maxCell how many columns of an error are in one.
const (
	maxRows = 50
	maxCell = 160
)

// told are the cases worth telling, those that failed first, then those that cost most.
func told(r Results) []*testCase {
	list := slices.DeleteFunc(all(r.cases()), func(c *testCase) bool { return !c.retried() })
	bad := func(c *testCase) int {
		if v := c.verdict(); v == failed || v == broken {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b *testCase) int {
		return cmp.Or(cmp.Compare(bad(a), bad(b)), cmp.Compare(b.lost()+b.waited(), a.lost()+a.waited()))
	})
	return list
}

// Annotations are workflow commands, lines that GitHub Actions shows beside the code: a warning for each case that was
// retried, an error for each that was given up. Where one was given up because of another within it, that one is it.
// They are safe to print as they are.
func Annotations(r Results) []string {
	var errs, warnings []string
	for _, c := range told(r) {
		title := text.Cut(c.title(), maxCell, "…") + ": " + c.said()
		message := "first error: " + text.Cut(cmp.Or(text.Line(c.firstError()), "no reason given"), maxMessage, "…")
		if len(c.runs) > 0 {
			message = fmt.Sprintf("lost %s, waited %s; %s", text.Duration(c.lost()), text.Duration(c.waited()), message)
		}
		switch {
		case c.verdict() != failed:
			warnings = append(warnings, annotation("warning", title, message))
		case !slices.ContainsFunc(all(c.children), func(c *testCase) bool { return c.verdict() == failed }):
			errs = append(errs, annotation("error", title, message))
		}
	}
	return append(bounded("error", errs), bounded("warning", warnings)...)
}

func annotation(level, title, message string) string {
	const property, data = true, false
	return fmt.Sprintf("::%s title=%s::%s", level, escaped(title, property), escaped(message, data))
}

var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func escaped(s string, property bool) string {
	if property {
		return propertyEscapes.Replace(s)
	}
	return dataEscapes.Replace(s)
}

// bounded keeps as many lines as GitHub shows. The last one says what is left out.
func bounded(level string, lines []string) []string {
	if len(lines) <= maxAnnotations {
		return lines
	}
	more := len(lines) - (maxAnnotations - 1)
	return append(lines[:maxAnnotations-1],
		annotation(level, fmt.Sprintf("%d more", more), "not shown, as GitHub shows "+
			fmt.Sprint(maxAnnotations)+" of a step; the summary of the job has more"))
}

// AppendSummary appends a table of the cases that were retried to the summary of the job, the file at path. When there
// are none, it writes nothing.
func AppendSummary(path string, r Results) error {
	table := Summary(r)
	if table == "" {
		return nil
	}
	return appendTo(cli.Target{By: SummaryVariable, Path: path}, table)
}

// appendTo appends content to a regular file, in one write: steps that run side by side may append to it, too.
func appendTo(target cli.Target, content string) error {
	if err := target.Appendable(); err != nil {
		return err
	}
	file, err := os.OpenFile(target.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.Size()+int64(len(content)) > maxSummary:
		err = fmt.Errorf("%s has %d bytes, and %d more would be too many: GitHub takes %d",
			target.Path, info.Size(), len(content), maxSummary)
	default:
		_, err = io.WriteString(file, content)
	}
	return errors.Join(err, file.Close())
}

// Summary is what AppendSummary writes: Markdown as GitHub has it, with a table.
func Summary(r Results) string {
	list := told(r)
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s: %s\n\n", code(r.name()), markdown(r.said()))
	b.WriteString("| | phase or operation | outcome | lost | waited | first error |\n|---|---|---|---:|---:|---|\n")
	for _, c := range list[:min(len(list), maxRows)] {
		lost, waited := "", ""
		if len(c.runs) > 0 {
			lost, waited = text.Duration(c.lost()), text.Duration(c.waited())
		}
		name, failure := text.Cut(c.title(), maxCell, "…"), text.Shorten(c.firstError(), maxCell, "…")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", mark(c), code(name), c.said(), lost, waited, code(failure))
	}
	if more := len(list) - maxRows; more > 0 {
		fmt.Fprintf(&b, "\n%s.\n", text.Plural(more, "more is not shown", "more are not shown"))
	}
	if len(r.Session.Roots) == 0 {
		return b.String()
	}
	time := r.Session.Summary().Operations.Time
	fmt.Fprintf(&b, "\nCounting each moment once: %s in attempts that failed, %s in waits, of %s in all.\n",
		text.Duration(time.Lost), text.Duration(time.Waiting), text.Duration(r.Session.Last.Sub(r.Session.First)))
	return b.String()
}

// mark is how c ended at a glance.
func mark(c *testCase) string {
	if v := c.verdict(); v == failed || v == broken {
		return ":x:"
	}
	return ":warning:"
}

// code is a text in a cell. In code GitHub makes no links to people and issues.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + markdown(s) + "</code>"
}

// markdown is a line of text that means nothing in Markdown.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>&|#~!:.@$^", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
