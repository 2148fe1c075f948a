package waterfall

import "github.com/backspan/backspan/cmd/backspan/internal/text"

// A layout divides the width of a picture.
type layout struct {
	words     int  // columns of the tree, the names and the notes
	stacked   bool // too narrow for notes beside names: they get a line of their own
	maxError  int  // columns that the text of an error gets
	tookEnd   int  // the column at which the durations end
	waitedEnd int  // the same for the waits; 0 when they have no column
	chartAt   int  // where the chart begins
	chart     chart
}

const (
	notesWidth = 72 // from here on notes stand beside names
	chartWidth = 36 // below there is no chart

	minName = 10 // columns of a name that deep rows leave

	tookTitle, waitedTitle = "took", "waited"

	between = 2 // columns between two parts

	noErrors = -1 // as layout.maxError: errors are not counted
)

// measure gives the words what they need up to a limit, the numbers what they need, and the chart the rest.
func (p *picture) measure(items []*item) layout {
	lay := layout{stacked: p.Width < notesWidth, maxError: 32}
	if p.Width >= 120 {
		lay.maxError = 48
	}
	took, waited := columns(items)
	numbers := between + max(took, len(tookTitle))
	if waited > 0 && !lay.stacked {
		numbers += between + max(waited, len(waitedTitle))
	}
	chart := 0
	switch {
	case !lay.stacked:
		chart = between + p.Width*21/100
	case p.Width >= chartWidth:
		chart = between + p.Width/3
	}
	gap, most := text.Width(p.glyphs.Gap), p.Width-numbers-chart
	if !lay.stacked {
		// Names and outcomes in full, without errors, are worth some columns of the chart.
		most = max(most, min(need(items, &layout{maxError: noErrors}, gap), most+p.Width/16))
	}
	lay.words = min(need(items, &lay, gap), most)
	lay.tookEnd = lay.words + between + max(took, len(tookTitle))
	if waited > 0 && !lay.stacked {
		lay.waitedEnd = lay.words + numbers
	}
	lay.chartAt = p.Width
	if chart > 0 {
		lay.chartAt = lay.words + numbers + between
	}
	return lay
}

// columns are the widths of the longest duration and the longest wait, 0 when there are none.
func columns(items []*item) (took, waited int) {
	for _, it := range rows(items) {
		took = max(took, text.Width(it.took))
		if it.waited > 0 {
			waited = max(waited, len(text.Duration(it.waited)))
		}
	}
	return took, waited
}

// need is how many columns the words would like to have.
func need(items []*item, lay *layout, indent int) (columns int) {
	for level, it := range rows(items) {
		w := level*indent + 2 + text.Width(it.name)
		if note := it.note.width(lay.maxError); note > 0 && !lay.stacked {
			w += between + note
		}
		columns = max(columns, w)
	}
	return columns
}

// width is how many columns the note takes when its error gets at most maxError.
func (n note) width(maxError int) int {
	w := text.Width(n.said) + text.Width(n.tail)
	if n.err != "" && maxError != noErrors {
		w += text.Width(n.between()) + text.Width(text.Shorten(n.err, maxError, "..."))
	}
	return w
}
