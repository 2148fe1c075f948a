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

// A column is one number of the table.
type column struct {
	title, class string
	number       func(*session.Counts) string
}

func count(n int) string { return strconv.Itoa(n) }

func lasting(d time.Duration) string { return text.Duration(max(d, 0)) }

var (
	counts = []column{
		{"runs", "number", func(c *session.Counts) string { return count(c.Runs) }},
		{"attempts", "number", func(c *session.Counts) string { return count(c.Attempts) }},
		{"failed", "failed", func(c *session.Counts) string { return count(c.Failures) }},
		{"retried", "number", func(c *session.Counts) string { return count(c.Retried) }},
		{"recovered", "recovered", func(c *session.Counts) string { return count(c.Ended[session.Recovered]) }},
		{"gave up", "failed", func(c *session.Counts) string { return count(c.GaveUp) }},
	}
	calls = []column{ // what a partial session does not know
		{"working", "number", func(c *session.Counts) string { return lasting(c.Time.Working) }},
		{"lost", "failed", func(c *session.Counts) string { return lasting(c.Time.Lost) }},
	}
	waits = column{"waiting", "waits", func(c *session.Counts) string { return lasting(c.Time.Waiting) }}
)

// tableOf draws what the operations of each name cost. The last line is all together: its times are those of the
// session, in which each moment counts once.
func tableOf(sum *session.Summary) string {
	if len(sum.ByName) == 0 {
		return `<p class="hint">No operation was retried or recorded.</p>`
	}
	columns := counts
	if !sum.Partial {
		columns = slices.Concat(counts, calls)
	}
	columns = append(slices.Clip(columns), waits)
	var b strings.Builder
	b.WriteString(`<div class="scroll" role="region" aria-labelledby="operations-title" tabindex="0"><table>
<thead><tr><th scope="col">operation</th>`)
	for _, c := range columns {
		fmt.Fprintf(&b, `<th scope="col">%s</th>`, c.title)
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for i := range sum.ByName[:min(len(sum.ByName), maxOperations)] {
		c := &sum.ByName[i]
		name := escape(cmp.Or(text.Safe(c.Name, text.MaxName), "(no name)"))
		fmt.Fprintf(&b, "<tr><th scope=\"row\" class=\"name\"><bdi>%s</bdi></th>%s</tr>\n", name, cells(columns, c))
	}
	if more := len(sum.ByName) - maxOperations; more > 0 {
		fmt.Fprintf(&b, "<tr class=\"hint\"><th scope=\"row\">%d more names</th></tr>\n", more)
	}
	fmt.Fprintf(&b, "</tbody>\n<tfoot><tr><th scope=\"row\">together</th>%s</tr></tfoot>\n</table></div>",
		cells(columns, &sum.Operations))
	if !sum.Partial {
		b.WriteString(`<p class="hint">Each moment counts once: where operations overlap, their times add up to more ` +
			`than the time together, in which are also the work and the waits of phases outside of operations.</p>`)
	}
	return b.String()
}

// cells are the numbers of c; what is zero is faint, so that the eye finds what is not.
func cells(columns []column, c *session.Counts) string {
	var b strings.Builder
	for _, column := range columns {
		number, class := column.number(c), column.class
		if number == count(0) || number == lasting(0) {
			class = "zero"
		}
		fmt.Fprintf(&b, "<td class=%q>%s</td>", class, escape(number))
	}
	return b.String()
}
