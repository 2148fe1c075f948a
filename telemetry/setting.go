package telemetry

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A ConfigError says which setting cannot be used: a field of Config or an environment variable, its value, and
// what would be right.
type ConfigError struct {
	Name  string // "OTEL_TRACES_SAMPLER", "Config.Endpoint"
	Value string // empty when it may hold a secret
	Want  string
	Err   error // what was wrong with the value, where there is more to say; may be nil
}

// Error reads like `telemetry: OTEL_TRACES_SAMPLER is "never", want one of …`.
func (e *ConfigError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "telemetry: %s ", e.Name)
	if e.Value == "" {
		b.WriteString("cannot be used")
	} else {
		fmt.Fprintf(&b, "is %q", e.Value)
	}
	fmt.Fprintf(&b, ", want %s", e.Want)
	if e.Err != nil {
		fmt.Fprintf(&b, " (%v)", e.Err)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }

// A setting is a value with the place that it came from, so that an error can name it.
type setting struct {
	name, value string
}

// fromField takes a field of Config when it is set, else the first variable that is.
func fromField(field, value string, variables ...string) setting {
	if value != "" {
		return setting{"Config." + field, value}
	}
	return fromEnv(variables...)
}

// fromEnv takes the first variable that is set. A variable that is empty or blank counts as not set, as
// OpenTelemetry's specification wants it.
func fromEnv(variables ...string) setting {
	for _, name := range variables {
		if value := strings.TrimSpace(os.Getenv(name)); value != "" {
			return setting{name, value}
		}
	}
	return setting{}
}

func (s setting) isSet() bool { return s.value != "" }

func (s setting) bad(want string, err error) error {
	return &ConfigError{Name: s.name, Value: s.value, Want: want, Err: err}
}

// badSecret is bad without the value.
func (s setting) badSecret(want string) error {
	return &ConfigError{Name: s.name, Want: want}
}

// boolean reads true or false. OpenTelemetry wants every other word taken for false; a person who wrote 1 or yes
// meant something else, so it is an error here.
func (s setting) boolean() (bool, error) {
	switch strings.ToLower(s.value) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, s.bad("true or false", nil)
}

// number reads a whole number within [least, most].
func (s setting) number(least, most int) (int, error) {
	n, err := strconv.Atoi(s.value)
	if err != nil || n < least || n > most {
		return 0, s.bad(fmt.Sprintf("a whole number from %d to %d", least, most), nil)
	}
	return n, nil
}
