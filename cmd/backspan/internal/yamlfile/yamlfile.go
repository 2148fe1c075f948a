package yamlfile

import (
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// An Error is what is wrong at a place in a file.
type Error struct {
	Line, Column int    // from 1
	Message      string // what is wrong
	Context      string // where the parser was, as in "while parsing a flow sequence"; may be empty
	Second       bool   // a second document begins there
}

// Error has no name of a file; see In.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// In is err with the name of the file that it is about: name:line:column for an *Error, else name alone.
func In(name string, err error) error {
	if _, placed := errors.AsType[*Error](err); placed {
		return fmt.Errorf("%s:%w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Load returns what the only document of content holds; nil when there is none, as in a file of comments alone. The
// error is an *Error when content is no YAML or has a second document, and else what content's Read returned.
func Load(content io.Reader) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(content)
	if err != nil {
		return nil, err
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, placed(err)
	}
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, &Error{
			Line: second.Line, Column: second.Column,
			Message: "a second document; one is all that is read", Second: true,
		}
	case !errors.Is(err, io.EOF):
		return nil, placed(err)
	case len(first.Content) == 0:
		return nil, nil
	}
	return first.Content[0], nil
}

func placed(err error) error {
	at, ok := errors.AsType[*yaml.LoadError](err)
	if !ok || at.Mark.Line == 0 { // it could not be read
		return err
	}
	return &Error{Line: at.Mark.Line, Column: at.Mark.Column, Message: at.Message, Context: at.ContextMsg}
}
