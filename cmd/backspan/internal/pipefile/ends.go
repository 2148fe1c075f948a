package pipefile

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
)

const (
	codeExpr   = `([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])`
	endPattern = `^(` + codeExpr + `(-` + codeExpr + `)?|timeout|signal)$`
	endWant    = `an exit code from 1 to 255, a range such as 75-78, timeout or signal`
)

var isEnd = matches(endPattern)

// endKind is one way in which a command can end, or a range of them.
var endKind = scalar(
	anyOf(textLike(endPattern), wholeNumber(1, 255)),
	endWant, []string{"!!str", "!!int"}, func(text string) (string, error) {
		if !isEnd(text) {
			return "", fmt.Errorf("is %q, want %s", text, endWant)
		}
		if err := new(command.Ends).Set(text); err != nil {
			return "", fmt.Errorf("is %q, %w", text, err)
		}
		return text, nil
	})

// endsKind is one end, or a list of them.
var endsKind = endsOf(endKind, "a list of ends such as [75, timeout]", (*command.Ends).Set)

// codesKind is an exit code, a range of them, or a list of these. The codes begin at least.
func codesKind(least int, example string) kind[*command.Ends] {
	expr := codeExpr
	if least == 0 {
		expr = `(0|` + codeExpr[1:]
	}
	expr = `^` + expr + `(-` + expr + `)?$`
	fits := matches(expr)
	want := fmt.Sprintf("an exit code from %d to 255, or a range such as 75-78", least)
	set := func(e *command.Ends, text string) error { return e.SetCode(text, least) }
	one := scalar(anyOf(textLike(expr), wholeNumber(least, 255)), want, []string{"!!str", "!!int"},
		func(text string) (string, error) {
			if !fits(text) {
				return "", fmt.Errorf("is %q, want %s", text, want)
			}
			if err := set(new(command.Ends), text); err != nil {
				return "", fmt.Errorf("is %q, %w", text, err)
			}
			return text, nil
		})
	return endsOf(one, "a list of exit codes such as "+example, set)
}

// endsOf is one end, or a list of them. set adds an end that one has checked.
func endsOf(one kind[string], want string, set func(*command.Ends, string) error) kind[*command.Ends] {
	list := listOf(one, 1, want)
	read := func(r *reader, n *yaml.Node, at string) (*command.Ends, bool) {
		var texts []string
		var ok bool
		if target(n).Kind == yaml.SequenceNode {
			texts, ok = list.read(r, n, at)
		} else {
			texts = make([]string, 1)
			texts[0], ok = one.read(r, n, at)
		}
		ends := &command.Ends{}
		for _, text := range texts {
			ok = ok && set(ends, text) == nil
		}
		return ends, ok
	}
	return kind[*command.Ends]{anyOf(one.schema, list.schema), read}
}
