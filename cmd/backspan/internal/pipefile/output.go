package pipefile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/retry"
)

// MaxOutput is how many bytes the output of a step may have. The kernel hands no variable of 128 KiB to a command.
const MaxOutput = 64 << 10

// An output is what a step hands on: as JSON for the report, and as the text that commands find in the environment.
type output struct {
	json json.RawMessage
	text string
}

// A capture keeps a command's stdout, and one byte more than is allowed of it.
type capture struct{ data []byte }

func (c *capture) Write(p []byte) (int, error) {
	room := MaxOutput + 1 - len(c.data)
	c.data = append(c.data, p[:min(len(p), max(0, room))]...)
	return len(p), nil
}

// output makes an output of what was kept. Another attempt may bring a better one, but not a much smaller one.
func (c *capture) output(as Output) (*output, error) {
	if len(c.data) > MaxOutput {
		return nil, retry.Permanent(fmt.Errorf("stdout has more than %d KiB, the most for an output; write it to a file, and the file's name to stdout", MaxOutput>>10))
	}
	if as == TextOutput {
		text := strings.TrimRight(string(c.data), "\r\n")
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, errors.New("stdout is no text: it is declared as the step's output, and must be UTF-8 without NULs")
		}
		quoted, err := json.Marshal(text)
		return &output{quoted, text}, err
	}
	if !utf8.Valid(c.data) { // which package json lets pass, and then the report would be no JSON
		return nil, errors.New("stdout is declared as the step's output, and is not one JSON value: it is not UTF-8")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, c.data); err != nil {
		if len(bytes.TrimSpace(c.data)) == 0 {
			err = errors.New("it is empty")
		}
		return nil, fmt.Errorf("stdout is declared as the step's output, and is not one JSON value: %w", err)
	}
	if compact.Len() == 0 {
		return nil, errors.New("stdout is declared as the step's output, and is not one JSON value: it is empty")
	}
	return &output{compact.Bytes(), compact.String()}, nil
}

// A commandError is the failure of a command.
type commandError struct {
	result child.Result
	ended  error // what ended the command's context; nil when it ended by itself
}

// Of what a command said last, this much is in its error.
const (
	errorLines = 3
	errorBytes = 600
)

// Error reads like "exit code 22: curl: (22) The requested URL returned error: 503".
func (e *commandError) Error() string {
	text := e.result.String()
	if e.timedOut() {
		text = strings.Replace(text, "stopped", "timed out", 1)
	}
	if said := child.LastLines(e.result.Tail, errorLines, errorBytes); said != "" {
		text += ": " + said
	}
	return text
}

func (e *commandError) timedOut() bool {
	return e.result.Stopped && errors.Is(e.ended, context.DeadlineExceeded)
}

// ErrorType is the error.type of its span.
func (e *commandError) ErrorType() string {
	switch {
	case e.result.Err != nil && e.result.Code() == child.CodeNotFound:
		return "not_found"
	case e.result.Err != nil:
		return "not_started"
	case e.timedOut():
		return "timeout"
	case e.result.Stopped:
		return "cancelled"
	case e.result.Signal != 0:
		return "signal"
	default:
		return fmt.Sprintf("exit_%d", e.result.ExitCode)
	}
}

// Unwrap returns why there was no process, or what ended the context.
func (e *commandError) Unwrap() []error {
	var tree []error
	for _, err := range []error{e.result.Err, e.ended} {
		if err != nil && (err != e.ended || e.result.Stopped) { //nolint:errorlint // it is asked which of the two it is
			tree = append(tree, err)
		}
	}
	return tree
}

// retryable says whether the policy would try again after err. What cannot be started at all is tried again only when
// the policy names its code: a command that is missing is still missing a second later.
func (p Policy) retryable(err error) bool {
	var failed *commandError
	switch {
	case !errors.As(err, &failed):
		return p.RetryOn == nil // an output that cannot be used
	case p.StopOn != nil && p.StopOn.Has(failed.result):
		return false
	case p.RetryOn != nil:
		return p.RetryOn.Has(failed.result)
	default:
		return failed.result.Err == nil || failed.result.Transient()
	}
}
