package flaky

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/nearest"
)

// The limits of a script.
const (
	maxSteps = 10_000
	maxSize  = 1 << 30       // bytes of a body
	maxPause = 1 * time.Hour // of delay and slow
)

// A step is what happens to one request.
type step struct {
	text   string // as in the script
	action string // one of actions, or empty for an answer with status
	status int
	header http.Header
	body   string
	size   int64 // of the body; -1 when it is body
	delay  time.Duration
	slow   time.Duration
	cut    int64 // after so many bytes of the body the connection is closed; -1 never
	reset  int64 // likewise reset
}

// The actions that are no answers of the script's own.
const (
	pass      = "pass"
	reset     = "reset"
	hang      = "hang"
	malformed = "malformed"
	stop      = "stop"
)

var (
	actions = []string{pass, reset, hang, malformed, stop}
	options = []string{"size", "delay", "slow", "cut", "reset"}
)

// A ScriptError says what is wrong with a script, and where.
type ScriptError struct {
	Script  string
	Column  int // of the word, in bytes, from 1
	Problem string
}

// Error names the column, the word, and what would be right.
func (e *ScriptError) Error() string {
	return fmt.Sprintf("script %q, column %d: %s", e.Script, e.Column, e.Problem)
}

// A scanner reads a script word by word.
type scanner struct {
	script string
	at     int // where the next word begins, after next
	end    int // where the one that was read ends
}

// next returns the next word: "," or a line break, a text in braces, or what ends before a space, comma or brace that
// is outside of quotes.
func (s *scanner) next() (word string, err error) {
	for s.at = s.end; s.at < len(s.script) && strings.IndexByte(" \t\r", s.script[s.at]) >= 0; s.at++ {
	}
	depth, quoted := 0, false
	for s.end = s.at; s.end < len(s.script); s.end++ {
		switch c := s.script[s.end]; {
		case depth > 0 && c == '{':
			depth++
		case depth > 0 && c == '}':
			if depth--; depth == 0 {
				s.end++
				return s.script[s.at:s.end], nil
			}
		case depth > 0:
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' && s.end == s.at:
			depth = 1
		case strings.IndexByte(" \t\r{", c) >= 0:
			return s.script[s.at:s.end], nil
		case c == ',' || c == '\n':
			if s.end == s.at {
				s.end++
			}
			return s.script[s.at:s.end], nil
		}
	}
	switch {
	case depth > 0:
		return "", s.bad("a body that begins with { and does not end with }")
	case quoted:
		return "", s.bad("a quote that does not end")
	}
	return s.script[s.at:], nil
}

func (s *scanner) bad(format string, args ...any) error {
	return &ScriptError{s.script, s.at + 1, fmt.Sprintf(format, args...)}
}

// parse reads a script. An empty one is a single pass.
func parse(script string) (steps []step, err error) {
	s := &scanner{script: script}
	var current *step
	begin, times := 0, 1
	for {
		word, err := s.next()
		if err != nil {
			return nil, err
		}
		switch {
		case word == "" || word == "," || word == "\n":
			if current != nil {
				current.text = strings.TrimSpace(script[begin:s.at])
				if err := current.check(s); err != nil {
					return nil, err
				}
				if len(steps)+times > maxSteps {
					return nil, s.bad("more than %d steps", maxSteps)
				}
				steps = append(steps, slices.Repeat([]step{*current}, times)...)
			} else if word == "," {
				return nil, s.bad("a comma without a step before it")
			}
			current, times = nil, 1
			if word != "" {
				continue
			}
			if len(steps) == 0 {
				steps = []step{{text: pass, action: pass, size: -1, cut: -1, reset: -1}}
			}
			return steps, nil
		case current == nil:
			begin = s.at
			if current, err = s.step(word); err != nil {
				return nil, err
			}
		case len(word) > 1 && word[0] == 'x' && strings.Trim(word[1:], "0123456789") == "":
			if times, err = strconv.Atoi(word[1:]); err != nil || times < 1 || times > maxSteps {
				return nil, s.bad("%q: want x1 to x%d", word, maxSteps)
			}
		default:
			if err := s.option(current, word); err != nil {
				return nil, err
			}
		}
	}
}

// step begins a step.
func (s *scanner) step(word string) (*step, error) {
	begun := &step{header: http.Header{}, size: -1, cut: -1, reset: -1}
	if slices.Contains(actions, word) {
		begun.action = word
		return begun, nil
	}
	status, err := strconv.Atoi(word)
	switch {
	case err != nil:
		return nil, s.bad("unknown step %q%s: want a status like 503, or one of %s",
			word, nearest.Ask(word, actions), strings.Join(actions, ", "))
	case status < 200 || status > 599:
		return nil, s.bad("status %q: want 200 to 599", word)
	}
	begun.status = status
	return begun, nil
}

// option adds what stands behind a step.
func (s *scanner) option(to *step, word string) error {
	if word[0] == '{' {
		to.body = word[1 : len(word)-1]
		return nil
	}
	name, value, found := strings.Cut(word, "=")
	value = strings.ReplaceAll(value, `"`, "")
	var err error
	switch {
	case !found:
		return s.bad("unknown option %q: want Header=value, {body}, x3, or one of %s, each with =",
			word, strings.Join(options, ", "))
	case name == "delay":
		to.delay, err = pause(value)
	case name == "slow":
		to.slow, err = pause(value)
	case name == "size":
		to.size, err = bytes(value)
	case name == "cut":
		to.cut, err = bytes(value)
	case name == "reset":
		to.reset, err = bytes(value)
	case isHeader(name):
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return s.bad("header %s: control characters in its value", name)
		}
		to.header.Add(name, value)
	default:
		return s.bad("unknown option %q%s: want one of %s; the name of a header has a capital letter or a hyphen",
			name, nearest.Ask(name, options), strings.Join(options, ", "))
	}
	if err != nil {
		return s.bad("%s is %q, want %v", name, value, err)
	}
	return nil
}

// isHeader tells a header's name from an option that was misspelt.
func isHeader(name string) bool {
	for _, c := range name {
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return strings.ContainsFunc(name, func(r rune) bool { return r == '-' || r >= 'A' && r <= 'Z' })
}

func pause(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxPause {
		return 0, fmt.Errorf("0s to %v, like 200ms", maxPause)
	}
	return d, nil
}

func bytes(text string) (int64, error) {
	digits, unit := text, int64(1)
	for suffix, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, found := strings.CutSuffix(text, suffix); found {
			digits, unit = rest, factor
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > maxSize/unit {
		return 0, fmt.Errorf("0 to 1GiB, like 1024 or 32KiB")
	}
	return n * unit, nil
}

// check refuses options that cannot be obeyed together.
func (t *step) check(s *scanner) error {
	answers := t.action == ""
	bodyless := t.status == http.StatusNoContent || t.status == http.StatusNotModified
	hasBody := t.body != "" || t.size >= 0
	switch {
	case t.action == hang && t.delay > 0:
		return s.bad("%s has no use for delay", t.action)
	case !answers && (hasBody || t.slow > 0 || t.cut >= 0 || t.reset >= 0 || len(t.header) > 0):
		return s.bad("%s takes no options but delay and x", t.action)
	case t.body != "" && t.size >= 0:
		return s.bad("%s has a {body} and a size: want one of them", t.text)
	case bodyless && hasBody:
		return s.bad("an answer with status %d has no body", t.status)
	case t.cut >= 0 && t.reset >= 0:
		return s.bad("%s has cut and reset: want one of them", t.text)
	case max(t.cut, t.reset) >= 0 && max(t.cut, t.reset) >= t.length():
		return s.bad("%s ends after %d bytes of %d: want fewer than its body has",
			t.text, max(t.cut, t.reset), t.length())
	}
	return nil
}

// length is how many bytes the body has.
func (t *step) length() int64 { return max(t.size, int64(len(t.body))) }

// Check says what is wrong with a script, as a *ScriptError; nil when nothing is.
func Check(script string) error {
	_, err := parse(script)
	return err
}
