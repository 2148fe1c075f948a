package pipefile

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/backspan/backspan/internal/child"
)

// Ends are ways in which a command can end: exit codes, its time being up, a signal.
type Ends struct {
	codes           [256]bool
	timeout, signal bool
}

const (
	codeExpr   = `([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])`
	endPattern = `^(` + codeExpr + `(-` + codeExpr + `)?|timeout|signal)$`
	endWant    = `an exit code from 1 to 255, a range such as 75-78, timeout or signal`
)

var endRegexp = regexp.MustCompile(endPattern)

// add adds what text says: an exit code, a range of them, timeout or signal.
func (e *Ends) add(text string) error {
	switch {
	case !endRegexp.MatchString(text):
		return fmt.Errorf("is %q, want %s", text, endWant)
	case text == "timeout":
		e.timeout = true
		return nil
	case text == "signal":
		e.signal = true
		return nil
	}
	var from, to int
	if n, _ := fmt.Sscanf(text, "%d-%d", &from, &to); n == 1 {
		to = from
	}
	if to < from {
		return fmt.Errorf("is %q, which begins after its end, want %d-%d", text, to, from)
	}
	for code := from; code <= to; code++ {
		e.codes[code] = true
	}
	return nil
}

// has reports whether r is one of them. What could not be started counts by the code that a shell has for it.
func (e *Ends) has(r child.Result) bool {
	switch {
	case r.Err != nil:
		return e.codes[r.Code()]
	case r.Stopped:
		return e.timeout
	case r.Signal != 0:
		return e.signal
	default:
		return e.codes[r.ExitCode&0xff]
	}
}

// String lists them as a file would.
func (e *Ends) String() string {
	text := ""
	add := func(s string) {
		if text != "" {
			text += ", "
		}
		text += s
	}
	for from := 1; from < len(e.codes); from++ {
		if !e.codes[from] {
			continue
		}
		to := from
		for to+1 < len(e.codes) && e.codes[to+1] {
			to++
		}
		if to == from {
			add(strconv.Itoa(from))
		} else {
			add(fmt.Sprintf("%d-%d", from, to))
		}
		from = to
	}
	if e.timeout {
		add("timeout")
	}
	if e.signal {
		add("signal")
	}
	return text
}
