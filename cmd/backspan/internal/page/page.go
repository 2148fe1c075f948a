package page

import (
	"bufio"
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

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
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
	Rows    []row    `json:"rows"` // written one by one; see writeData

	// Words are the outcomes as people read them, in the order in which they are listed.
	Words [][2]string `json:"words"`
}

// Write writes the page of s to w. A session without spans is an error; other errors are w's.
func Write(w io.Writer, s *session.Session) error {
	if len(s.Roots) == 0 {
		return fmt.Errorf("page: the session has no spans")
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := write(out, s); err != nil {
		return err
	}
	return out.Flush()
}

func write(out *bufio.Writer, s *session.Session) error {
	sum := s.Summary()
	t := newTable(s, sum)
	traces := t.tracesOf(s.Roots)
	var picture strings.Builder
	if err := waterfall.Render(&picture, s, waterfall.Options{Width: 110}); err != nil {
		return err
	}
	p, o, said := assets(), s.Outcome(), s.Said()
	name := text.Name(s.Name())
	values := map[string]string{
		"policy":     p.policy,
		"title":      escape(name + ": " + o.Word() + " (backspan)"),
		"icon":       "data:image/svg+xml," + url.PathEscape(p.logo),
		"logo":       p.logo,
		"style":      p.style,
		"name":       escape(name),
		"state":      pillOf(o, said),
		"said":       said,
		"sentence":   escape(verdict(s, sum)),
		"error":      errorOf(failure(s)),
		"facts":      factsOf(s, traces),
		"notes":      notesOf(s.Notes),
		"time":       timeOf(sum),
		"errors":     errorsOf(sum),
		"operations": tableOf(sum),
		"text":       escape(picture.String()),
		"script":     p.script,
	}
	// What is put in is not searched again.
	for rest := p.frame; ; {
		before, after, found := strings.Cut(rest, "[[")
		if _, err := out.WriteString(before); err != nil || !found {
			return err
		}
		var key string
		key, rest, _ = strings.Cut(after, "]]")
		if key == "data" {
			d := data{Begin: s.First.UnixMicro(), Elapsed: sum.Elapsed.Microseconds(), Traces: traces}
			if err := writeData(out, d, t, s.Roots); err != nil {
				return err
			}
			continue
		}
		value, known := values[key]
		if !known {
			panic("page.html wants " + key) // wrong in every run
		}
		if _, err := out.WriteString(value); err != nil {
			return err
		}
	}
}

// writeData writes d as JSON, with the rows of t and the words.
func writeData(out *bufio.Writer, d data, t *table, roots []*session.Node) error {
	for _, o := range session.Outcomes {
		d.Words = append(d.Words, [2]string{string(o), o.Word()})
	}
	encoded, err := json.Marshal(d)
	if err != nil {
		return err
	}
	const rows, none = `"rows":`, "null"
	before, after, _ := strings.Cut(string(encoded), rows+none)
	if _, err := out.WriteString(before + rows); err != nil {
		return err
	}
	if err := t.write(out, roots); err != nil {
		return err
	}
	_, err = out.WriteString(after)
	return err
}

// pillOf is the class of the pill: that all ended well is not said in green where an operation was given up.
func pillOf(o session.Outcome, said string) string {
	if o == session.Succeeded && said != o.Word() {
		o = session.Recovered
	}
	return string(o)
}

func escape(s string) string { return html.EscapeString(s) }

func errorOf(failure string) string {
	if failure == "" {
		return ""
	}
	return `<p class="error"><bdi>` + escape(text.Safe(failure, text.MaxText)) + "</bdi></p>"
}

func factsOf(s *session.Session, traces []string) string {
	var b strings.Builder
	fact := func(name, value string) {
		if value != "" {
			value = escape(text.Safe(value, text.MaxName))
			fmt.Fprintf(&b, "<div><dt>%s</dt><dd><bdi>%s</bdi></dd></div>\n", name, value)
		}
	}
	if !s.First.IsZero() {
		fact("began", s.First.UTC().Format("2 January 2006, 15:04:05 UTC"))
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
		fmt.Fprintf(&b, "<li>%s</li>\n", escape(text.Safe(n, text.MaxText)))
	}
	b.WriteString("</ul></section>")
	return b.String()
}

// classes are those of the shares of time.
var classes = map[string]string{
	"working": "work", "lost": "lost", "waiting": "wait", "rest": "rest", "not recorded": "rest",
}

// timeOf draws where the time went: a bar, and the numbers as its legend.
func timeOf(sum *session.Summary) string {
	var bar, legend strings.Builder
	at := 0.0
	for _, share := range sum.Shares() {
		class := classes[share.Name]
		percents := 100 * float64(share.Took) / float64(max(sum.Elapsed, 1))
		fmt.Fprintf(&bar, `<rect class="%s" x="%.3f%%" width="%.3f%%" height="100%%"/>`, class, at, percents)
		at += percents
		fmt.Fprintf(&legend, `<li class="%s"><i class="%[1]s"></i><b>%s</b> <span>%s</span> `+
			"<span class=\"hint\">%s, %s</span></li>\n",
			class, share.Name, escape(text.Duration(share.Took)), escape(percent(percents)), share.What)
	}
	return `<svg class="time" aria-hidden="true" width="100%" height="14"><defs>` +
		`<pattern id="waiting" width="8" height="14" patternUnits="userSpaceOnUse">` +
		`<rect class="pale" width="8" height="14"/><path class="dash" d="M0 7h5"/></pattern></defs>` + bar.String() +
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
