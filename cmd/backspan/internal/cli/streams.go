package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
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

// Printf prints a message for a person, as text.Sprintf makes it: args may come from anybody.
func Printf(w io.Writer, format string, args ...any) { Print(w, text.Sprintf(format, args...)) }

// Print prints s as it is: what comes from others has been made safe. It ignores the error, which nobody could be told.
func Print(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

// WriteJSON writes v as indented JSON, safe to show.
func WriteJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(SafeJSON{w})
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// SafeJSON makes the JSON that is written to it safe to show, and passes it on. Each call of Write gets whole values.
type SafeJSON struct{ W io.Writer }

func (s SafeJSON) Write(p []byte) (int, error) {
	if _, err := s.W.Write(text.JSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
