package command

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
)

// Patterns are regular expressions, in the syntax of package regexp, for rules about what a command wrote. The zero
// Patterns is empty, and so is a nil one.
type Patterns struct {
	exprs    []string
	compiled []*regexp.Regexp
}

// PatternWant says what [Patterns.Set] takes.
const PatternWant = "a regular expression such as 'timed? ?out|reset by peer'"

// Set adds a regular expression. In it ^ and $ are the beginning and end of a line. After an error the patterns are as
// they were.
func (p *Patterns) Set(expr string) error {
	if expr == "" {
		return errors.New("want " + PatternWant)
	}
	compiled, err := regexp.Compile("(?m)" + expr)
	if bad, ok := errors.AsType[*syntax.Error](err); ok {
		return errors.New("want " + PatternWant + ": " + bad.Code.String())
	}
	if err != nil {
		return err
	}
	p.exprs, p.compiled = append(p.exprs, expr), append(p.compiled, compiled)
	return nil
}

// Empty reports whether nothing was added.
func (p *Patterns) Empty() bool { return p == nil || len(p.exprs) == 0 }

// Match reports whether one of the patterns matches the end of stderr or of stdout, as far as r has it. The lines are
// as a person saw them: without colours, and of a line that was written over only what stood there last.
func (p *Patterns) Match(r child.Result) bool {
	if p.Empty() {
		return false
	}
	for _, tail := range []string{r.Tail, r.StdoutTail} {
		lines := strings.Split(tail, "\n")
		for i, line := range lines {
			lines[i] = plainLine(line)
		}
		text := strings.Join(lines, "\n")
		for _, pattern := range p.compiled {
			if tail != "" && pattern.MatchString(text) {
				return true
			}
		}
	}
	return false
}

// List returns the expressions in the order in which they were set.
func (p *Patterns) List() []string {
	if p == nil {
		return nil
	}
	return p.exprs
}

// Type is what a flag's help shows in place of the value.
func (p *Patterns) Type() string { return "regex" }

// String lists the expressions for a person.
func (p *Patterns) String() string { return strings.Join(p.List(), " or ") }
