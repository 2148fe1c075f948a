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
var endsKind = oneOrMore(endKind, "a list of ends such as [75, timeout]", (*command.Ends).Set)

// patternsKind is one regular expression, or a list of them.
var patternsKind = oneOrMore(scalar(
	anyOf(schema{"type": "string", "minLength": 1}, schema{"type": "number"}, schema{"type": "boolean"}),
	command.PatternWant, plainTags, func(text string) (string, error) {
		if err := new(command.Patterns).Set(text); err != nil {
			return "", fmt.Errorf("is %q, %w", text, err)
		}
		return text, nil
	}), "a list of regular expressions such as ['timed? ?out', 'reset by peer']", (*command.Patterns).Set)

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
	return oneOrMore(one, "a list of exit codes such as "+example, set)
}

// oneOrMore is one text, or a list of them, as a set. set adds a text that one has checked.
func oneOrMore[S any](one kind[string], want string, set func(*S, string) error) kind[*S] {
	list := listOf(one, 1, want)
	read := func(r *reader, n *yaml.Node, at string) (*S, bool) {
		var texts []string
		var ok bool
		if target(n).Kind == yaml.SequenceNode {
			texts, ok = list.read(r, n, at)
		} else {
			texts = make([]string, 1)
			texts[0], ok = one.read(r, n, at)
		}
		all := new(S)
		for _, text := range texts {
			ok = ok && set(all, text) == nil
		}
		return all, ok
	}
	return kind[*S]{anyOf(one.schema, list.schema), read}
}
