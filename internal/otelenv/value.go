package otelenv

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/backspan/backspan/internal/fielderror"
)

// An Error says which setting cannot be used.
type Error struct {
	Field string // the variable, or the field as Program.Name calls it
	Value string // what was configured; empty when it may hold a secret
	Want  string // what would be right
	Err   error  // what is wrong with the value, where there is more to say; may be nil
}

// Error reads like `OTEL_TRACES_SAMPLER is "never", want always_on, …`.
func (e *Error) Error() string { return e.Shown().Error() }

// Fault is Error without Want.
func (e *Error) Fault() string { return e.Shown().Fault() }

// Shown is e with its value in quotes.
func (e *Error) Shown() *fielderror.Error {
	shown := fielderror.Error(*e)
	if e.Value != "" {
		shown.Value = strconv.Quote(e.Value)
	}
	return &shown
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// A value is a text with the name of who said it.
type value struct{ name, text string }

// said returns the text of a field when it is set, else the first variable that is.
func (p Program) said(field, text string, variables ...string) value {
	if text != "" {
		return value{p.Name(field), text}
	}
	return fromEnv(variables...)
}

// fromEnv returns the first variable that is neither empty nor blank.
func fromEnv(variables ...string) value {
	for _, name := range variables {
		if text := strings.TrimSpace(os.Getenv(name)); text != "" {
			return value{name, text}
		}
	}
	return value{}
}

func (v value) isSet() bool { return v.text != "" }

// or returns v as a Setting, with a default for when nobody said anything.
func (v value) or(otherwise string) Setting {
	if !v.isSet() {
		return Setting{Value: otherwise}
	}
	return Setting{Value: v.text, From: v.name}
}

func (v value) bad(want string, err error) error {
	return &Error{Field: v.name, Value: v.text, Want: want, Err: err}
}

// boolean reads true or false. OpenTelemetry's specification takes every other word for false. A person who wrote 1 or
// yes meant true, so it is an error here.
func (v value) boolean() (bool, error) {
	switch strings.ToLower(v.text) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, v.bad("true or false", nil)
}

// number reads a whole number from least to most.
func (v value) number(least, most int) (int, error) {
	n, err := strconv.Atoi(v.text)
	if err != nil || n < least || n > most {
		return 0, v.bad(fmt.Sprintf("a whole number from %d to %d", least, most), nil)
	}
	return n, nil
}

// ratio reads a number from 0 to 1; 1 when v is not set.
func (v value) ratio() (float64, error) {
	if !v.isSet() {
		return 1, nil
	}
	ratio, err := strconv.ParseFloat(v.text, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) { // NaN fails every comparison
		return 0, v.bad("a number from 0 to 1", nil)
	}
	return ratio, nil
}

// A Pair is one name=value of OTEL_EXPORTER_OTLP_HEADERS or OTEL_RESOURCE_ATTRIBUTES.
type Pair struct{ Name, Value string }

// WantPairs says what Pairs reads, for errors.
const WantPairs = "name=value pairs with commas between them, special characters in values written as %XX"

// Pairs reads name=value pairs with commas between them. Values are percent-decoded. A comma at the end is allowed. The
// error counts the pairs from 1, and holds nothing of text, which may be a secret.
func Pairs(text string) (list []Pair, err error) {
	for i, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, encoded, found := strings.Cut(item, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" {
			return nil, fmt.Errorf("pair %d has no name or no =", i+1)
		}
		decoded, err := url.PathUnescape(strings.TrimSpace(encoded))
		if err != nil {
			return nil, fmt.Errorf("pair %d has a %% without two hexadecimal digits", i+1)
		}
		list = append(list, Pair{name, decoded})
	}
	return list, nil
}
