package page

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// maxOperations is how many names the table has. Who needs more has put data into names.
const maxOperations = 100

// maxErrors is how many classes of errors the page lists, and maxNames how many names each of them.
const (
	maxErrors = 50
	maxNames  = 3
)

// A column is one number of a table whose rows are T.
type column[T any] struct {
	title, class string
	number       func(*T) string
}

func count(n int) string { return strconv.Itoa(n) }

func lasting(d time.Duration) string { return text.Duration(max(d, 0)) }

var (
	counts = []column[session.Counts]{
		{"runs", "number", func(c *session.Counts) string { return count(c.Runs) }},
		{"attempts", "number", func(c *session.Counts) string { return count(c.Attempts) }},
		{"failed", "failed", func(c *session.Counts) string { return count(c.Failures) }},
		{"retried", "number", func(c *session.Counts) string { return count(c.Retried) }},
		{"recovered", "recovered", func(c *session.Counts) string { return count(c.Ended[session.Recovered]) }},
		{"given up", "failed", func(c *session.Counts) string { return count(c.GaveUp) }},
	}
	calls = []column[session.Counts]{ // what a partial session does not know
		{"working", "number", func(c *session.Counts) string { return lasting(c.Time.Working) }},
		{"lost", "failed", func(c *session.Counts) string { return lasting(c.Time.Lost) }},
	}
	waits = column[session.Counts]{
		"waiting", "waits", func(c *session.Counts) string { return lasting(c.Time.Waiting) },
	}

	errorCounts = []column[session.Errors]{
		{"attempts", "failed", func(e *session.Errors) string { return count(e.Failures) }},
		{"given up", "failed", func(e *session.Errors) string { return count(e.GivenUp) }},
	}
	errorLost = column[session.Errors]{
		"lost", "failed", func(e *session.Errors) string { return lasting(e.Time.Lost) },
	}
	errorWaits = column[session.Errors]{
		"waiting", "waits", func(e *session.Errors) string { return lasting(e.Time.Waiting) },
	}
)

// tableOf draws what the operations of each name cost. The last line is all together: its times are those of the
// session, in which each moment counts once.
func tableOf(sum *session.Summary) string {
	if len(sum.ByName) == 0 {
		return `<p class="hint">No operation was retried or recorded.</p>`
	}
	columns := slices.Clone(counts)
	if !sum.Partial {
		columns = append(columns, calls...)
	}
	columns = append(columns, waits)
	var b strings.Builder
	b.WriteString(`<div class="scroll" role="region" aria-labelledby="operations-title" tabindex="0"><table>
<thead><tr><th scope="col">operation</th>`)
	heads(&b, columns)
	for i := range sum.ByName[:min(len(sum.ByName), maxOperations)] {
		c := &sum.ByName[i]
		name := escape(cmp.Or(text.Safe(c.Name, text.MaxName), "(no name)"))
		fmt.Fprintf(&b, "<tr><th scope=\"row\" class=\"name\"><bdi>%s</bdi></th>", name)
		cells(&b, columns, c)
	}
	if more := len(sum.ByName) - maxOperations; more > 0 {
		fmt.Fprintf(&b, "<tr class=\"hint\"><th scope=\"row\">%d more names</th></tr>\n", more)
	}
	b.WriteString("</tbody>\n<tfoot><tr><th scope=\"row\">together</th>")
	cells(&b, columns, &sum.Operations)
	b.WriteString("</tfoot>\n</table></div>")
	if !sum.Partial {
		b.WriteString(`<p class="hint">Each moment counts once: where operations overlap, their times add up to more ` +
			`than the time together, in which are also the work and the waits of phases outside of operations.</p>`)
	}
	return b.String()
}

// errorsOf draws the section of the errors, each class with what it cost; "" when nothing failed.
func errorsOf(sum *session.Summary) string {
	if len(sum.Errors) == 0 {
		return ""
	}
	columns := slices.Clone(errorCounts)
	if !sum.Partial {
		columns = append(columns, errorLost)
	}
	columns = append(columns, errorWaits)
	var b strings.Builder
	b.WriteString(`<section class="errors" aria-labelledby="errors-title">
<h2 id="errors-title">Errors</h2>
<div class="scroll" role="region" aria-labelledby="errors-title" tabindex="0"><table>
<thead><tr><th scope="col">error</th>`)
	heads(&b, columns)
	for i := range sum.Errors[:min(len(sum.Errors), maxErrors)] {
		e := &sum.Errors[i]
		fmt.Fprintf(&b, `<tr><th scope="row" class="cause" data-class="%d"><bdi>%s</bdi> <bdi class="type">%s</bdi>`+
			`<bdi class="of">%s</bdi><bdi class="example">%s</bdi></th>`,
			i+1, escape(cmp.Or(e.Reason, "(no text)")), escape(text.Safe(e.Type, text.MaxName)),
			escape(namesOf(e.Operations)), escape(exampleOf(e)))
		cells(&b, columns, e)
	}
	if more := len(sum.Errors) - maxErrors; more > 0 {
		fmt.Fprintf(&b, "<tr class=\"hint\"><th scope=\"row\">%d more errors</th></tr>\n", more)
	}
	b.WriteString("</tbody>\n</table></div>\n" +
		`<p class="hint">Errors that differ only in numbers and ids are one, and count where they happened first.</p>` +
		"\n</section>")
	return b.String()
}

// namesOf lists some names.
func namesOf(names []string) string {
	var list []string
	for _, n := range names[:min(len(names), maxNames)] {
		list = append(list, text.Name(n))
	}
	if more := len(names) - maxNames; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return "in " + enumerate(list)
}

// maxExample is how many columns of an example are shown.
const maxExample = 300

// exampleOf is the whole text of one of the errors; "" when the reason is all of it.
func exampleOf(e *session.Errors) string {
	whole := text.Line(e.Example)
	if whole == e.Reason {
		return ""
	}
	return text.Cut(whole, maxExample, "…")
}

// heads ends the first row of a table.
func heads[T any](b *strings.Builder, columns []column[T]) {
	for _, c := range columns {
		fmt.Fprintf(b, `<th scope="col">%s</th>`, c.title)
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
}

// cells end a row with the numbers of c; what is zero is faint, so that the eye finds what is not. A phone shows the
// name of each with it.
func cells[T any](b *strings.Builder, columns []column[T], c *T) {
	for _, column := range columns {
		number, class := column.number(c), column.class
		if number == count(0) || number == lasting(0) {
			class = "zero"
		}
		fmt.Fprintf(b, "<td class=%q data-name=%q>%s</td>", class, column.title, escape(number))
	}
	b.WriteString("</tr>\n")
}
