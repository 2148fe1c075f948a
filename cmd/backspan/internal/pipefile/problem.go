package pipefile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing in a file that cannot be used.
type Problem struct {
	Line, Column int    // from 1; 0 when they are not known
	Key          string // such as phases[0].steps[1].retry.max_retries; empty for the whole file
	Message      string // what is wrong and what would be right
}

// An Error holds all the problems of a file, in the order of their lines. Nothing of such a file is run.
type Error struct {
	File     string
	Problems []Problem
}

// maxShown is how many problems an Error's text shows. More are most often one mistake, made many times.
const maxShown = 10

// Error has a line for each problem.
func (e *Error) Error() string { return strings.Join(e.Lines(), "\n") }

// Lines are one for each problem: file:line:column: key: message.
func (e *Error) Lines() []string {
	lines := make([]string, 0, maxShown+1)
	for i, p := range e.Problems {
		if i == maxShown {
			lines = append(lines, fmt.Sprintf("%s: and %d more problems", e.File, len(e.Problems)-maxShown))
			break
		}
		lines = append(lines, e.File+p.String())
	}
	return lines
}

// String is the problem as it follows the name of the file: ":12:9: phases[0]: unknown key …".
func (p Problem) String() string {
	text := ": " + p.Message
	if p.Key != "" {
		text = ": " + p.Key + text
	}
	if p.Line > 0 {
		text = fmt.Sprintf(":%d:%d%s", p.Line, max(1, p.Column), text)
	}
	return text
}

// newError sorts the problems by line and column.
func newError(file string, problems []Problem) *Error {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{File: file, Problems: problems}
}
