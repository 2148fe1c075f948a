package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
)

// Ends is a set of ways in which a command can end, for rules such as "retry after these". The zero Ends is empty,
// and so is a nil one.
type Ends struct {
	codes           [256]bool
	timeout, signal bool
}

// EndsWant says what [Ends.Set] takes.
const EndsWant = "exit codes from 1 to 255, ranges such as 75-78, timeout or signal, with commas between them"

// Set adds what text lists: exit codes and ranges of them, "timeout", and "signal". Exit codes are those that a shell
// shows and that [child.Result.Code] returns: 124 is also a command that timed out, and 137 also one that SIGKILL
// ended, be it another's or the one that follows a timeout. "signal" is every signal that ended a command, but not
// one that a timeout sent. After an error the set is as it was.
func (e *Ends) Set(text string) error {
	next := *e
	for word := range strings.SplitSeq(text, ",") {
		switch word = strings.TrimSpace(word); word {
		case "timeout":
			next.timeout = true
		case "signal":
			next.signal = true
		default:
			if err := next.codesOf(word, 1, EndsWant); err != nil {
				return err
			}
		}
	}
	*e = next
	return nil
}

// SetCode adds an exit code from least to 255, or a range of them, of commands that end by themselves.
func (e *Ends) SetCode(word string, least int) error {
	return e.codesOf(word, least, fmt.Sprintf("an exit code from %d to 255, or a range such as 75-78", least))
}

func (e *Ends) codesOf(word string, least int, want string) error {
	first, last, isRange := strings.Cut(word, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 8)
	to, err2 := strconv.ParseUint(last, 10, 8)
	switch {
	case err != nil || err2 != nil || from < uint64(least):
		return errors.New("want " + want)
	case to < from:
		return fmt.Errorf("want %d-%d in place of %s", to, from, word)
	}
	for code := from; code <= to; code++ {
		e.codes[code] = true
	}
	return nil
}

// Empty reports whether nothing was added.
func (e *Ends) Empty() bool { return e == nil || *e == Ends{} }

// Has reports whether r ended in one of these ways.
func (e *Ends) Has(r child.Result) bool {
	switch {
	case e == nil:
		return false
	case r.Stopped && e.timeout:
		return true
	case r.Signal != 0 && !r.Stopped && e.signal:
		return true
	default:
		return e.codes[r.Code()&0xff]
	}
}

// Ended reports whether r is of a command that ended by itself, with one of the exit codes.
func (e *Ends) Ended(r child.Result) bool {
	return e != nil && r.Err == nil && r.Signal == 0 && !r.Stopped && r.ExitCode >= 0 && r.ExitCode < len(e.codes) &&
		e.codes[r.ExitCode]
}

// Overlap is an exit code that is in both; ok is false when there is none.
func (e *Ends) Overlap(other *Ends) (code int, ok bool) {
	for code := range e.codes {
		if e.codes[code] && other.codes[code] {
			return code, true
		}
	}
	return 0, false
}

// Type is what a flag's help shows in place of the value.
func (e *Ends) Type() string { return "ends" }

// String lists them as Set takes them.
func (e *Ends) String() string {
	if e == nil {
		return ""
	}
	var list []string
	for from := 0; from < len(e.codes); from++ {
		to := from
		for e.codes[from] && to+1 < len(e.codes) && e.codes[to+1] {
			to++
		}
		switch {
		case !e.codes[from]:
		case to == from:
			list = append(list, strconv.Itoa(from))
		default:
			list = append(list, fmt.Sprintf("%d-%d", from, to))
		}
		from = to
	}
	if e.timeout {
		list = append(list, "timeout")
	}
	if e.signal {
		list = append(list, "signal")
	}
	return strings.Join(list, ",")
}
