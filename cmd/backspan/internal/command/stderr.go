package command

import (
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/boundtext"
)

// HoldStderr is the one place that decides how the stderr of c is held. Its end is kept for the Error, except when
// stdout and stderr are both terminals: somebody sits there and reads it, and a command may page or manage jobs, for
// which it needs the terminal itself. needed says that the text is needed all the same: then it comes through a pipe.
// With only stderr on a terminal it comes through a pseudo-terminal.
func HoldStderr(c *child.Command, needed bool) {
	stdout, _ := c.Stdout.(*os.File)
	stderr, _ := c.Stderr.(*os.File)
	c.Tail, c.TailPipe = KeptOutput, needed
	if !needed && term.IsTerminal(stdout) && term.IsTerminal(stderr) {
		c.Tail = 0
	}
}

// HoldStdout has the end of stdout kept, too.
func HoldStdout(c *child.Command) { c.StdoutTail = KeptOutput }

// attemptLine begins what a backspan in the command says of its attempts. Why they failed stands before it.
const attemptLine = "backspan: attempt "

// lastLines returns the last lines of tail as a person saw them: at most n lines and at most size bytes, without
// blank lines, without colours and other commands to a terminal. Of a line that was written over, such as a progress
// bar, it has what stood there last. Bytes that are no text are left out.
func lastLines(tail string, n, size int) string {
	var lines []string
	for rest := tail; rest != "" && len(lines) < n; {
		end := strings.LastIndexByte(rest, '\n')
		if line := strings.TrimSpace(plainLine(rest[end+1:])); line != "" && !strings.HasPrefix(line, attemptLine) {
			lines = append(lines, line)
		}
		rest = rest[:max(0, end)]
	}
	slices.Reverse(lines)
	all := strings.Join(lines, "\n")
	if len(all) <= size {
		return all
	}
	const mark = "…"
	return mark + boundtext.End(all, size-len(mark))
}

// plainLine is what a line looks like on a terminal in the end.
func plainLine(line string) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	var out []rune
	for line != "" {
		if n := text.Escape(line); n > 0 {
			line = line[n:]
			continue
		}
		r, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		switch {
		case r == utf8.RuneError && size == 1:
		case r == '\b': // the next character replaces the last one
			out = out[:max(0, len(out)-1)]
		case r == '\t' || unicode.IsPrint(r):
			out = append(out, r)
		}
	}
	return string(out)
}
