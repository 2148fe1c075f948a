package eventquery

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/nearest"
)

// topKeys are the members of a record itself, and what reads them.
var topKeys = map[string]func(*events.Line) events.Value{
	"timestamp":  (*events.Line).Timestamp,
	"session_id": (*events.Line).Session,
	"type":       (*events.Line).Type,
	"phase":      (*events.Line).Phase,
	"level":      (*events.Line).Level,
	"message":    (*events.Line).Message,
	"trace_id":   (*events.Line).TraceID,
	"span_id":    (*events.Line).SpanID,
	"service":    (*events.Line).Service,
	"host":       (*events.Line).Host,
	"pid":        (*events.Line).PID,
}

// detailKeys are the members of details that Backspan writes.
var detailKeys = []string{
	events.KeyAttemptNumber, events.KeyReason, events.KeyResult, events.KeyOutcome, events.KeyOperation,
	events.KeyPipeline, events.KeyDryRun, events.KeyError, events.KeyErrorType, events.KeyDelay, events.KeyNextDelay,
	events.KeyDuration, events.KeyMaxRetries, events.KeyMaxElapsed, events.KeyDepth, events.KeyParentOperation,
	events.KeyAfter, events.KeyBudget,
	events.KeyCommand, events.KeyRecoveryMessage, events.KeyRecoveryAttempts, events.KeyFallback, events.KeyAllowed,
	events.KeyCount, events.KeySeconds, events.KeySuccesses, events.KeyDurations,
}

// What the values of some keys are; those of the others are texts.
var (
	numberKeys = []string{
		"pid", events.KeyAttemptNumber, events.KeyDelay, events.KeyNextDelay, events.KeyDuration, events.KeyMaxRetries,
		events.KeyMaxElapsed, events.KeyDepth, events.KeyAfter, events.KeyRecoveryAttempts, events.KeyCount,
		events.KeySeconds, events.KeySuccesses,
	}
	boolKeys = []string{events.KeyDryRun, events.KeyFallback, events.KeyAllowed}
)

// callKeys have one value in all records of a call, so that a sum over some of the values is one over whole calls.
var callKeys = []string{"session_id", "trace_id", "phase", "service", "host", "pid", events.KeyOperation}

// Keys are the keys that a Condition can name, sorted.
func Keys() []string {
	keys := slices.Clone(detailKeys)
	for key := range topKeys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

const detailPrefix = "details."

// A Key names one value of a record: one of Keys, or details. and any key of the details.
type Key string

// ParseKey reads a key. The error says which there are.
func ParseKey(text string) (Key, error) {
	if !strings.HasPrefix(text, detailPrefix) && !slices.Contains(Keys(), text) {
		return "", fmt.Errorf("key %q is unknown%s, want one of %s, or details. and any other key of the details",
			text, nearest.Ask(text, Keys()), strings.Join(Keys(), ", "))
	}
	return Key(text), nil
}

// Of is the value of l that k names; nil when l has none.
func (k Key) Of(l *events.Line) events.Value {
	if top, ok := topKeys[string(k)]; ok {
		return top(l)
	}
	return l.Detail(k.detail())
}

// detail is the name of k in the details.
func (k Key) detail() string { return strings.TrimPrefix(string(k), detailPrefix) }

// A Condition asks something of one value of a record.
type Condition struct {
	key    Key
	op     string
	text   string
	number float64
	isNum  bool // text is a number, and numbers are compared with it as numbers
	match  *regexp.Regexp
}

// Operators are what can stand between the key and the value of a condition.
var Operators = []string{"=", "!=", "<", "<=", ">", ">=", "~", "!~"}

// conditionForm is a key, an operator and a value.
var conditionForm = regexp.MustCompile(`(?s)^([^=!<>~]+)(!=|!~|<=|>=|=|<|>|~)(.*)$`)

// ParseCondition reads a key, one of Operators and a value. The error says what there is.
//
// Numbers are compared as numbers: delay=4 holds for 4.0. < and > are for numbers, ~ is for texts and asks whether a
// regular expression is found. != and !~ hold for all records that = and ~ do not hold for, also for those without
// the key; no other condition does, but for an empty value.
func ParseCondition(text string) (Condition, error) {
	parts := conditionForm.FindStringSubmatch(text)
	if parts == nil {
		return Condition{}, fmt.Errorf("%q is no condition, want a key, one of %s, and a value, for example %s=timeout",
			text, strings.Join(Operators, " "), events.KeyErrorType)
	}
	key, err := ParseKey(parts[1])
	if err != nil {
		return Condition{}, err
	}
	c := Condition{key: key, op: parts[2], text: parts[3]}
	return c, c.check()
}

// check completes c. It is an error when c compares what cannot be compared.
func (c *Condition) check() (err error) {
	name := c.key.detail()
	c.number, err = strconv.ParseFloat(c.text, 64)
	c.isNum = err == nil
	known := !strings.HasPrefix(string(c.key), detailPrefix) || slices.Contains(detailKeys, name)
	number, truth := slices.Contains(numberKeys, name), slices.Contains(boolKeys, name)
	switch {
	case strings.HasSuffix(c.op, "~"):
		if number || truth {
			return fmt.Errorf("%s is no text, so that %s cannot match it; want %s",
				name, c.op, comparable(number, truth))
		}
		if c.match, err = regexp.Compile(c.text); err != nil {
			return fmt.Errorf("%q is no regular expression: %w", c.text, err)
		}
	case strings.ContainsAny(c.op, "<>") && name == "timestamp":
		return fmt.Errorf("%s is no number, so that %s cannot compare it; want --since or --until", name, c.op)
	case strings.ContainsAny(c.op, "<>") && known && !number:
		return fmt.Errorf("%s is no number, so that %s cannot compare it; want %s",
			name, c.op, comparable(false, truth))
	case c.text == "" && !strings.ContainsAny(c.op, "<>"): // it asks whether there is a value
	case (number || strings.ContainsAny(c.op, "<>")) && !c.isNum:
		return fmt.Errorf("%s is a number, and %q is none", name, c.text)
	case truth && c.text != "true" && c.text != "false":
		return fmt.Errorf("%s is true or false, and not %q", name, c.text)
	case known && !number:
		c.isNum = false
	}
	return nil
}

// comparable are the comparisons of numbers, of true and false, and of texts.
func comparable(number, truth bool) string {
	switch {
	case number:
		return "= != < <= > >="
	case truth:
		return "= or !="
	}
	return "= != ~ !~"
}

// holds says whether v, which is nil for a record without the key, is what c asks for.
func (c *Condition) holds(v events.Value) bool {
	switch c.op {
	case "=":
		return c.equals(v)
	case "!=":
		return !c.equals(v)
	case "~":
		return v != nil && c.match.MatchString(v.Text())
	case "!~":
		return v == nil || !c.match.MatchString(v.Text())
	}
	n, ok := v.Float()
	switch {
	case !ok:
		return false
	case c.op == "<":
		return n < c.number
	case c.op == "<=":
		return n <= c.number
	case c.op == ">":
		return n > c.number
	}
	return n >= c.number
}

func (c *Condition) equals(v events.Value) bool {
	if c.isNum {
		if n, ok := v.Float(); ok {
			return n == c.number
		}
	}
	return v.Is(c.text)
}
