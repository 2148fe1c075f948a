package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A page is the output: tables, and at the end the budgets.
type page struct {
	w       io.Writer
	err     error // the first error of a write
	budgets []budget
}

func (p *page) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *page) title(text string) { p.printf("## %s\n\n", text) }

// A table is printed as Markdown, with its columns aligned for who reads it in a terminal.
type table struct{ rows [][]string }

func newTable(head ...string) *table { return &table{[][]string{head}} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (p *page) table(t *table) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range t.rows {
		for j, cell := range row {
			if j == 0 {
				p.printf("| %-*s ", widths[j], cell)
			} else {
				p.printf("| %*s ", widths[j], cell)
			}
		}
		p.printf("|\n")
		if i == 0 {
			p.rule(widths)
		}
	}
	p.printf("\n")
}

// A base is a result that others are compared with in a column of a table.
type base struct {
	head string
	result
}

// results prints what was measured: a row for each result, with its ratio to each of the bases.
func (p *page) results(head string, list []result, bases ...base) {
	row := []string{head, "ns"}
	for _, b := range bases {
		row = append(row, "× "+b.head)
	}
	t := newTable(append(row, "B", "allocs")...)
	for _, r := range list {
		row := []string{r.name, nanoseconds(r.ns())}
		for _, b := range bases {
			row = append(row, ratio(r.over(b.result)))
		}
		t.add(append(row, count(r.bytes), count(r.allocs))...)
	}
	p.table(t)
}

// rule is the line below a table's head: the first column is words, the others are numbers.
func (p *page) rule(widths []int) {
	for i, width := range widths {
		if i == 0 {
			p.printf("|%s", strings.Repeat("-", width+2))
		} else {
			p.printf("|%s:", strings.Repeat("-", width+1))
		}
	}
	p.printf("|\n")
}

func nanoseconds(ns float64) string {
	if ns < 10 {
		return fmt.Sprintf("%.1f", ns)
	}
	return fmt.Sprintf("%.0f", ns)
}

func ratio(r float64) string { return fmt.Sprintf("%.2f", r) }
func count(n float64) string { return fmt.Sprintf("%.0f", n) }

// A budget is what a measured value is expected to be at most. It is met up to a margin above that, by which ratios
// differ from run to run and from machine to machine.
type budget struct {
	what             string
	wanted, measured float64
	unit             string
}

const margin = 1.1

func (p *page) promise(what string, wanted, measured float64, unit string) {
	p.budgets = append(p.budgets, budget{what, wanted, measured, unit})
}

func (p *page) verdicts() {
	p.title("Budgets")
	t := newTable("what", "wanted", "measured", "")
	for _, b := range p.budgets {
		verdict := "met"
		if b.measured > b.wanted*margin {
			verdict = "missed"
		}
		show := count
		if b.unit == "×" {
			show = ratio
		}
		t.add(b.what, show(b.wanted)+" "+b.unit, show(b.measured)+" "+b.unit, verdict)
	}
	p.table(t)
}
