package advice

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// A Style says how advice is written for people.
type Style struct {
	Color bool
	ASCII bool
	Zone  *time.Location
	Width int // columns
}

const timeLayout = "2006-01-02 15:04"

// Write writes a for people: a block for each finding, and what was looked at.
func (a *Advice) Write(w io.Writer, s Style) error {
	var b strings.Builder
	for _, f := range a.Findings {
		f.write(&b, s)
	}
	b.WriteString(text.Wrap(a.Looked.summary(len(a.Findings), s), "", "", s.Width))
	out := b.String()
	if s.ASCII {
		out = text.ASCII(out)
	}
	_, err := io.WriteString(w, out)
	return err
}

func (f *Finding) write(b *strings.Builder, s Style) {
	title := text.Name(f.Operation) + ": " + text.Line(f.Title)
	for line := range strings.Lines(text.Wrap(title, "", "  ", s.Width)) {
		b.WriteString(s.paint(term.Bold, strings.TrimSuffix(line, "\n")) + "\n")
	}
	hours := fmt.Sprintf("In %d separate hours, %s to %s.", f.Hours,
		f.From.In(s.Zone).Format(timeLayout), f.To.In(s.Zone).Format(timeLayout))
	b.WriteString(text.Wrap(text.Line(f.Evidence)+". "+f.bound()+" "+hours, "  ", "  ", s.Width))
	part := func(label, said string) {
		begin := fmt.Sprintf("  %-8s ", label)
		b.WriteString(text.Wrap(said, s.paint(term.Faint, begin), strings.Repeat(" ", len(begin)), s.Width))
	}
	part("change", f.Change.Text)
	for _, how := range [][2]string{{"in Go", f.Change.Go}, {"pipeline", f.Change.Pipeline}} {
		if how[1] != "" {
			part(how[0], how[1])
		}
	}
	part("what if", f.WhatIf.said())
	b.WriteString(commandLines(f.Records, s.paint(term.Faint, fmt.Sprintf("  %-8s ", "records")), s.Width))
	b.WriteString("\n")
}

// bound is what the numbers say of all operations.
func (f *Finding) bound() string {
	side := "at most"
	if f.Side == AtLeast {
		side = "at least"
	}
	return fmt.Sprintf("%s of %s: %s %s (95%% bound).", number(f.Hits), number(f.Of), side,
		percent(f.Bound, f.Side))
}

// percent is a share with one digit, rounded away from what was seen, so that the bound holds.
func percent(share float64, side string) string {
	tenths := share * 1000
	if side == AtLeast {
		return fmt.Sprintf("%.1f%%", float64(int(tenths))/10)
	}
	return fmt.Sprintf("%.1f%%", min(100, float64(int(tenths)+1)/10))
}

// summary says what was looked at, and, if nothing was found, what a finding needs.
func (k *Looked) summary(findings int, s Style) string {
	if k.Operations == 0 {
		return "No finding: the log has no operation whose first attempt failed. " + needs
	}
	looked := fmt.Sprintf("%s whose first attempt failed, in %s, and %s that succeeded at once, %s to %s",
		plural(k.Operations, "operation", "operations"), plural(k.Hours, "hour", "hours"),
		text.Number(k.Tallied), k.From.In(s.Zone).Format(timeLayout), k.To.In(s.Zone).Format(timeLayout))
	asked := fmt.Sprintf("%s of an operation and what may be said of it were looked at",
		plural(k.Pairs, "pair", "pairs"))
	if findings > 0 {
		return fmt.Sprintf("%s in %s. %s: if nothing were wrong there would be none in 95 of 100 logs "+
			"(Holm's correction).", plural(findings, "finding", "findings"), looked, asked)
	}
	said := fmt.Sprintf("No finding: %s. %s: %d had too few cases, %d too few separate hours. %s", looked, asked,
		k.Few, k.OneTime, needs)
	if k.Tallied == 0 {
		said += " The log counts no operations that succeeded at once, as those of exec and run do not: " +
			"little is known of when all was well."
	}
	return said
}

var needs = fmt.Sprintf("A finding needs %d cases in %d separate hours, between which the operation succeeded.",
	minCases, minHours)

func number(n int) string { return text.Number(int64(n)) }

// plural is text.Plural for large numbers.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

func (s Style) paint(style term.Style, said string) string {
	if !s.Color {
		return said
	}
	return style.Paint(said)
}

// commandLines is a command in lines of w columns that a shell takes as one.
func commandLines(words []string, label string, w int) string {
	const indent = "           "
	var b strings.Builder
	b.WriteString(label)
	column := len(indent)
	for i, word := range words {
		word = command.Line([]string{word})
		switch end := len(" \\"); {
		case i == 0:
		case column+1+text.Width(word)+end > w:
			b.WriteString(" \\\n" + indent + "  ")
			column = len(indent) + 2
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(text.Line(word))
		column += text.Width(word)
	}
	return b.String() + "\n"
}
