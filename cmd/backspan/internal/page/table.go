package page

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// maxOperations is how many names the table has. Who needs more has put data into names.
const maxOperations = 100

// tableOf draws what the operations of each name cost. The last line is all together: its times are those of the session,
// in which each moment counts once.
func tableOf(sum *session.Summary) string {
	if len(sum.ByName) == 0 {
		return `<p class="hint">No operation was retried or recorded.</p>`
	}
	var b strings.Builder
	b.WriteString(`<div class="scroll" role="region" aria-labelledby="operations-title" tabindex="0"><table>
<thead><tr><th scope="col">operation</th><th scope="col">runs</th><th scope="col">attempts</th><th scope="col">failed</th>` +
		`<th scope="col">retried</th><th scope="col">recovered</th><th scope="col">gave up</th>`)
	if !sum.Partial {
		b.WriteString(`<th scope="col">working</th><th scope="col">lost</th>`)
	}
	b.WriteString("<th scope=\"col\">waiting</th></tr></thead>\n<tbody>\n")
	for i := range sum.ByName[:min(len(sum.ByName), maxOperations)] {
		c := &sum.ByName[i]
		name := escape(cmp.Or(text.Safe(c.Name, text.MaxName), "(no name)"))
		b.WriteString(`<tr><th scope="row" class="name"><bdi>` + name + "</bdi></th>" + cells(c, sum.Partial) + "</tr>\n")
	}
	if more := len(sum.ByName) - maxOperations; more > 0 {
		fmt.Fprintf(&b, "<tr class=\"hint\"><th scope=\"row\">%d more names</th></tr>\n", more)
	}
	b.WriteString("</tbody>\n<tfoot><tr><th scope=\"row\">together</th>" + cells(&sum.Operations, sum.Partial) + "</tr></tfoot>\n</table></div>")
	if !sum.Partial {
		b.WriteString(`<p class="hint">Each moment counts once: where operations overlap, their times add up to more than the time ` +
			`together, in which is also the work of phases outside of operations.</p>`)
	}
	return b.String()
}

// cells are the numbers of c; what is zero is a faint 0, so that the eye finds what is not.
func cells(c *session.Counts, partial bool) string {
	var b strings.Builder
	cell := func(class, text string, zero bool) {
		if zero {
			class, text = "zero", "0"
		}
		fmt.Fprintf(&b, "<td class=%q>%s</td>", cmp.Or(class, "number"), escape(text))
	}
	number := func(class string, n int) { cell(class, fmt.Sprint(n), n == 0) }
	number("", c.Runs)
	number("", c.Attempts)
	number("failed", c.Failures)
	number("", c.Retried)
	number("recovered", c.Ended[session.Recovered])
	number("failed", c.GaveUp)
	if !partial {
		cell("", text.Duration(c.Time.Working), c.Time.Working <= 0)
		cell("failed", text.Duration(c.Time.Lost), c.Time.Lost <= 0)
	}
	cell("waits", text.Duration(c.Time.Waiting), c.Time.Waiting <= 0)
	return b.String()
}
