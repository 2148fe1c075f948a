package pipefile

import (
	"fmt"
	"strings"

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
var endsKind = func() kind[*command.Ends] {
	list := listOf(endKind, 1, "a list of ends such as [75, timeout]")
	read := func(r *reader, n *yaml.Node, at string) (*command.Ends, bool) {
		var texts []string
		var ok bool
		if target(n).Kind == yaml.SequenceNode {
			texts, ok = list.read(r, n, at)
		} else {
			texts = make([]string, 1)
			texts[0], ok = endKind.read(r, n, at)
		}
		ends := &command.Ends{}
		ok = ok && ends.Set(strings.Join(texts, ",")) == nil // endKind has checked each of them
		return ends, ok
	}
	return kind[*command.Ends]{anyOf(endKind.schema, list.schema), read}
}()
