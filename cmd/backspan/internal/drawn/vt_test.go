package drawn

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// A vt is a terminal as far as the live view needs one. It fails the test when it is sent something that it does not
// know: then the live view commands real terminals in a way that nobody has tried.
type vt struct {
	t *testing.T

	mu            sync.Mutex
	columns, rows int
	reflow        bool     // break lines anew on resize
	lines         []vtLine // scrollback included
	row, column   int      // of the cursor; row counts from the first line of all
	hidden        bool     // the cursor
	rest          []byte   // the beginning of a sequence or rune
	changed       chan struct{}
}

type vtLine struct {
	cells   []rune // a wide rune is followed by a 0
	wrapped bool   // it goes on in the next line
}

func newVT(t *testing.T, columns, rows int) *vt {
	return &vt{
		t: t, columns: columns, rows: rows, reflow: true, lines: make([]vtLine, 1), changed: make(chan struct{}, 1),
	}
}

var vtSequence = regexp.MustCompile("^\x1b\\[(\\??[0-9]*)([A-Za-z])")

// Write obeys p. A newline also returns the carriage, as a terminal's driver makes it.
func (v *vt) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rest = append(v.rest, p...)
	for len(v.rest) > 0 {
		n := v.obey(string(v.rest))
		if n == 0 {
			break
		}
		v.rest = v.rest[n:]
	}
	select {
	case v.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

// obey takes one thing from s and returns its length; 0 when s is only its beginning.
func (v *vt) obey(s string) int {
	switch {
	case s[0] == '\n':
		v.column = 0
		v.down()
		return 1
	case s[0] == '\r':
		v.column = 0
		return 1
	case s[0] == 0x1b:
		m := vtSequence.FindStringSubmatch(s)
		if m == nil {
			if len(s) > 10 {
				v.t.Errorf("the terminal was sent %q", s[:10])
				return 1
			}
			return 0
		}
		v.command(m[2], m[1])
		return len(m[0])
	case !utf8.FullRuneInString(s):
		return 0
	}
	r, n := utf8.DecodeRuneInString(s)
	if r < ' ' || r == utf8.RuneError && n == 1 || r >= 0x7f && r < 0xa0 {
		v.t.Errorf("the terminal was sent %q", s[:n])
		return n
	}
	v.put(r)
	return n
}

func (v *vt) command(name, parameter string) {
	n := 1
	if parameter != "" && parameter[0] != '?' {
		if _, err := fmt.Sscan(parameter, &n); err != nil {
			v.t.Errorf("parameter %q: %v", parameter, err)
		}
	}
	line := &v.lines[v.row]
	switch name + parameter {
	case "l?25":
		v.hidden = true
		return
	case "h?25":
		v.hidden = false
		return
	case "K":
		line.cells = line.cells[:min(v.column, len(line.cells))]
		line.wrapped = false
		return
	case "J":
		line.cells = line.cells[:min(v.column, len(line.cells))]
		line.wrapped = false
		v.lines = v.lines[:v.row+1]
		return
	case "m0", "m1", "m2", "m31", "m32", "m33":
		return
	}
	if name != "A" {
		v.t.Errorf("the terminal was sent the sequence %q with %q", name, parameter)
		return
	}
	v.row = max(v.row-n, v.top())
}

// top is the first line on the screen.
func (v *vt) top() int { return max(0, len(v.lines)-v.rows) }

func (v *vt) down() {
	v.row++
	if v.row == len(v.lines) {
		v.lines = append(v.lines, vtLine{})
	}
}

func (v *vt) put(r rune) {
	w := runewidth.RuneWidth(r)
	if w == 0 {
		return
	}
	if v.column+w > v.columns {
		v.lines[v.row].wrapped = true
		v.column = 0
		v.down()
	}
	line := &v.lines[v.row]
	for len(line.cells) < v.column+w {
		line.cells = append(line.cells, ' ')
	}
	line.cells[v.column] = r
	if w == 2 {
		line.cells[v.column+1] = 0
	}
	v.column += w
}

// resize changes the width, and breaks lines anew when the terminal does that. The cursor stays on its line.
func (v *vt) resize(columns, rows int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.lines
	v.columns, v.rows = columns, rows
	if !v.reflow {
		for i := range old {
			old[i].cells = old[i].cells[:min(len(old[i].cells), columns)]
		}
		return
	}
	v.lines = nil
	row := v.row
	for i := 0; i < len(old); {
		var whole []rune
		start := i
		for {
			whole = append(whole, old[i].cells...)
			i++
			if !old[i-1].wrapped || i == len(old) {
				break
			}
		}
		if start <= v.row && v.row < i {
			row = len(v.lines)
		}
		for len(whole) > columns {
			v.lines = append(v.lines, vtLine{whole[:columns:columns], true})
			whole = whole[columns:]
		}
		v.lines = append(v.lines, vtLine{whole, false})
	}
	v.row = row
}

func (v *vt) size() (columns, rows int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.columns, v.rows
}

// text is everything that is and was on the screen.
func (v *vt) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	for _, l := range v.lines {
		b.WriteString(strings.TrimRight(strings.ReplaceAll(string(l.cells), "\x00", ""), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// checkTidy fails the test unless the cursor can be seen at the beginning of a line.
func (v *vt) checkTidy() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hidden || v.column != 0 || len(v.rest) > 0 {
		v.t.Errorf("the cursor is hidden: %v, in column %d, and %q is not finished", v.hidden, v.column, v.rest)
	}
}
