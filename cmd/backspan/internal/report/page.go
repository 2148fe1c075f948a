package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
)

//go:embed page
var files embed.FS

// parts are those of the page that are the same in every one.
type parts struct {
	frame, style, logo, script string
	policy                     string
}

var assets = sync.OnceValue(func() *parts {
	p := &parts{frame: file("page.html"), style: file("page.css"), logo: strings.TrimSpace(file("logo.svg"))}
	p.script = "'use strict';\n(() => {\n"
	for _, name := range [...]string{"words", "model", "filter", "chart", "tip", "rows", "zoom", "main"} {
		p.script += file(name + ".js")
	}
	p.script += "})();\n"
	// Nothing is loaded and nothing is sent, and no text ever becomes HTML. Only this very style and script count.
	p.policy = "default-src 'none'; script-src " + hash(p.script) + "; style-src " + hash(p.style) +
		"; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	return p
})

func file(name string) string {
	b, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is compiled in, or it is not: wrong in every run
	}
	return string(b)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// data is what the script reads.
type data struct {
	Begin   int64    `json:"begin"`   // microseconds since 1970
	Elapsed int64    `json:"elapsed"` // microseconds
	Traces  []string `json:"traces"`
	Rows    []row    `json:"rows"`
}

// Write writes the page of s to w. A session without spans is an error; other errors are w's.
func Write(w io.Writer, s *Session) error {
	if len(s.Spans) == 0 {
		return fmt.Errorf("report: the session has no spans")
	}
	page, err := pageOf(s)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = io.WriteString(w, page)
	return err
}

func pageOf(s *Session) (string, error) {
	roots := treesOf(s)
	first, last := extent(s.Spans)
	elapsed := last.Sub(first)
	rows, traces := rowsOf(roots, first)

	var encoded bytes.Buffer
	if err := json.NewEncoder(&encoded).Encode(data{ // it writes < > & as \u003c …, so that no text can end the script
		Begin: first.UnixMicro(), Elapsed: elapsed.Microseconds(), Traces: traces, Rows: rows,
	}); err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := waterfall.Render(&text, s.Spans, waterfall.Options{Width: 110}); err != nil {
		return "", err
	}
	p, v := assets(), verdictOf(roots, elapsed, s.Partial)
	name := visible(nameOf(roots), maxName)
	// One pass: what is put in is not searched again.
	return strings.NewReplacer(
		"[[policy]]", p.policy,
		"[[title]]", escape(name+": "+words[v.state]+" (backspan)"),
		"[[icon]]", "data:image/svg+xml,"+url.PathEscape(p.logo),
		"[[logo]]", p.logo,
		"[[style]]", p.style,
		"[[name]]", escape(name),
		"[[state]]", v.state,
		"[[word]]", words[v.state],
		"[[sentence]]", escape(v.sentence),
		"[[error]]", errorOf(v),
		"[[facts]]", factsOf(s, first, traces),
		"[[notes]]", notesOf(s.Notes),
		"[[time]]", timeOf(spendingOf(roots, elapsed), s.Partial),
		"[[operations]]", tableOf(byName(flat(roots)), s.Partial),
		"[[text]]", escape(text.String()),
		"[[data]]", strings.TrimSpace(encoded.String()),
		"[[script]]", p.script,
	).Replace(p.frame), nil
}

func escape(s string) string { return html.EscapeString(s) }

func errorOf(v verdict) string {
	if v.err == "" {
		return ""
	}
	return `<p class="error"><bdi>` + escape(visible(v.err, maxText)) + "</bdi></p>"
}

func factsOf(s *Session, first time.Time, traces []string) string {
	var b strings.Builder
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "<div><dt>%s</dt><dd><bdi>%s</bdi></dd></div>\n", name, escape(visible(value, maxName)))
		}
	}
	if !first.IsZero() {
		fact("began", first.UTC().Format("2 January 2006, 15:04:05 UTC"))
	}
	fact("session", s.ID)
	if len(traces) == 1 {
		fact("trace", traces[0])
	} else if len(traces) > 1 {
		fact("traces", fmt.Sprintf("%s and %d more", traces[0], len(traces)-1))
	}
	fact("read from", s.Source)
	return b.String()
}

func notesOf(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<section class="notes" aria-label="What is not known"><ul>` + "\n")
	for _, n := range notes {
		fmt.Fprintf(&b, "<li>%s</li>\n", escape(visible(n, maxText)))
	}
	b.WriteString("</ul></section>")
	return b.String()
}

// timeOf draws where the time went: a bar, and the numbers as its legend.
func timeOf(s spending, partial bool) string {
	type part struct {
		class, name, what string
		d                 time.Duration
	}
	parts := []part{
		{"work", "working", "attempts that succeeded", s.Working},
		{"lost", "lost", "attempts that failed", s.Lost},
		{"wait", "waiting", "between attempts", s.Waiting},
		{"rest", "the rest", "outside of attempts", s.Other},
	}
	if partial {
		parts = []part{parts[2], {"rest", "the rest", "in attempts or outside of them: not recorded", s.Working + s.Lost + s.Other}}
	}
	var bar, legend strings.Builder
	at := 0.0
	for _, part := range parts {
		if part.class == "rest" && part.d == 0 {
			continue
		}
		share := 100 * float64(part.d) / float64(max(s.elapsed(), 1))
		fmt.Fprintf(&bar, `<rect class="%s" x="%.3f%%" width="%.3f%%" height="100%%"/>`, part.class, at, share)
		at += share
		fmt.Fprintf(&legend, "<li class=%q><i class=%q></i><b>%s</b> <span>%s</span> <span class=\"hint\">%s, %s</span></li>\n",
			part.class, part.class, part.name, durationText(part.d), percent(share), part.what)
	}
	return `<svg class="time" aria-hidden="true" width="100%" height="14"><defs>` +
		`<pattern id="waiting" width="8" height="14" patternUnits="userSpaceOnUse"><rect class="pale" width="8" height="14"/>` +
		`<path class="dash" d="M0 7h5"/></pattern></defs>` + bar.String() +
		"</svg>\n<ul class=\"time\">\n" + legend.String() + "</ul>"
}

func percent(share float64) string {
	switch {
	case share == 0:
		return "0%"
	case share < 1:
		return "<1%"
	case share > 99 && share < 99.995:
		return ">99%"
	}
	return fmt.Sprintf("%.0f%%", share)
}

// maxOperations is how many names the table has. Who needs more has put data into names.
const maxOperations = 100

func tableOf(list []counts, partial bool) string {
	if len(list) == 0 {
		return `<p class="hint">No operation was retried or recorded.</p>`
	}
	var b strings.Builder
	b.WriteString(`<div class="scroll" role="region" aria-labelledby="operations-title" tabindex="0"><table>
<thead><tr><th scope="col">operation</th><th scope="col">runs</th><th scope="col">attempts</th><th scope="col">failed</th>` +
		`<th scope="col">retried</th><th scope="col">recovered</th><th scope="col">given up</th>`)
	if !partial {
		b.WriteString(`<th scope="col">working</th><th scope="col">lost</th>`)
	}
	b.WriteString("<th scope=\"col\">waiting</th></tr></thead>\n<tbody>\n")
	for i := range list[:min(len(list), maxOperations)] {
		c := &list[i]
		name := escape(visible(c.Name, maxName))
		b.WriteString(`<tr><th scope="row" class="name"><bdi>` + name + "</bdi></th>" + c.cells(partial) + "</tr>\n")
	}
	if len(list) > maxOperations {
		more := sum(list[maxOperations:])
		fmt.Fprintf(&b, "<tr class=\"hint\"><th scope=\"row\">%d more names</th>%s</tr>\n", len(list)-maxOperations, more.cells(partial))
	}
	b.WriteString("</tbody>\n")
	if all := sum(list); len(list) > 1 {
		b.WriteString(`<tfoot><tr><th scope="row">together</th>` + all.cells(partial) + "</tr></tfoot>\n")
	}
	b.WriteString("</table></div>")
	return b.String()
}

// cells are the numbers of c; what is zero is a faint dot, so that the eye finds what is not.
func (c *counts) cells(partial bool) string {
	var b strings.Builder
	cell := func(class, text string, zero bool) {
		if zero {
			class, text = "zero", "0"
		}
		fmt.Fprintf(&b, "<td class=%q>%s</td>", cmp.Or(class, "number"), text)
	}
	number := func(class string, n int) { cell(class, fmt.Sprint(n), n == 0) }
	number("", c.Runs)
	number("", c.Attempts)
	number("failed", c.Failed)
	number("", c.Retried)
	number("recovered", c.Recovered)
	number("failed", c.GivenUp)
	if !partial {
		cell("", escape(durationText(c.Working)), c.Working <= 0)
		cell("failed", escape(durationText(c.Lost)), c.Lost <= 0)
	}
	cell("waits", escape(durationText(c.Waiting)), c.Waiting <= 0)
	return b.String()
}
