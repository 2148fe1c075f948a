package steps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/retry"
)

// maxOutput is how many bytes the output of a step may have. The kernel hands no variable of 128 KiB to a command.
const maxOutput = 64 << 10

// An output is a step's output: as JSON for the report, and as the text that commands find in the environment.
type output struct {
	json json.RawMessage
	text string
}

// A capture keeps a command's stdout, and one byte more than is allowed of it.
type capture struct{ data []byte }

func (c *capture) Write(p []byte) (int, error) {
	missing := maxOutput + 1 - len(c.data)
	c.data = append(c.data, p[:min(len(p), max(0, missing))]...)
	return len(p), nil
}

// isBlank reports whether a person would see nothing of s, escape sequences and invisible characters included.
func isBlank(s string) bool {
	for s != "" {
		if n := text.Escape(s); n > 0 {
			s = s[n:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
			return false
		}
		s = s[size:]
	}
	return true
}

// output makes an output of what was kept. Only an output that is too large is a permanent error: another attempt
// would hardly bring a much smaller one.
func (c *capture) output(as pipefile.Output) (*output, error) {
	if len(c.data) > maxOutput {
		return nil, retry.Permanent(fmt.Errorf("stdout has more than %d KiB, the most for an output; "+
			"write it to a file, and the file's name to stdout", maxOutput>>10))
	}
	if as != pipefile.JSONOutput {
		said := strings.TrimRight(string(c.data), "\r\n")
		if as == pipefile.TextOutput && isBlank(said) {
			return nil, errors.New("stdout is blank: it is declared as the step's output, which would be empty; " +
				"want a text, or output: text_or_empty when that is right")
		}
		if !utf8.ValidString(said) || strings.ContainsRune(said, 0) {
			return nil, errors.New(
				"stdout is no text: it is declared as the step's output, and must be UTF-8 without NULs")
		}
		quoted, err := json.Marshal(said)
		return &output{quoted, said}, err
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, c.data)
	switch {
	case len(bytes.TrimSpace(c.data)) == 0:
		err = errors.New("it is empty")
	case !utf8.Valid(c.data): // package json accepts such bytes, and the report would be no JSON
		err = errors.New("it is not UTF-8")
	}
	if err != nil {
		return nil, fmt.Errorf("stdout is declared as the step's output, and is not one JSON value: %w", err)
	}
	return &output{compact.Bytes(), compact.String()}, nil
}
