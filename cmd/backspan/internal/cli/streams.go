package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
)

// Streams are the standard streams of the process, and how to colour what is written to them.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Color    *string // the value of --color: one of term's Auto, Always and Never
}

// Terminal says what w can show, given --color and the environment.
func (s Streams) Terminal(w io.Writer) term.Terminal {
	file, _ := w.(*os.File)
	return term.Of(file, os.Getenv).Colored(*s.Color)
}

// Printf prints a text for a person. It ignores the error: there is nowhere to report it.
func Printf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// WriteJSON writes v as indented JSON.
func WriteJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}
