package settings

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/redact"
	"github.com/backspan/backspan/telemetry"
)

const redactFlag = "redact"

// expressions checks regular expressions, of which off must be the only one.
func expressions(v given) error {
	for _, text := range v.texts {
		if text == telemetry.Off && len(v.texts) > 1 {
			return cli.UsageError(fmt.Errorf("%s is off and %d more, want off alone or expressions",
				v.by, len(v.texts)-1))
		}
		if strings.TrimSpace(text) == "" {
			return cli.BadValue(v.by, text, errors.New("want a regular expression, or off"))
		}
		if _, err := regexp.Compile(text); err != nil {
			why := ""
			if bad, ok := errors.AsType[*syntax.Error](err); ok {
				why = fmt.Sprintf(" (%s)", bad.Code)
			}
			// Without the expression: it may be the secret itself.
			return cli.UsageError(fmt.Errorf("%s cannot be used%s, want a regular expression of Go, or off", v.by, why))
		}
	}
	return nil
}

// otherExpressions is what variable and file say is to be masked, for flags that otherwise do without them. A job at
// night runs with a bad file, but what it writes must not hold what the file would have masked.
func (t *Flags) otherExpressions(s setting) given {
	file, err := readFile()
	if err != nil {
		t.maskAll = true
		return given{}
	}
	v, err := s.untyped(file)
	if err == nil && v.by != "" {
		err = s.check(v)
	}
	if err != nil {
		t.maskAll = true
		return given{}
	}
	return v
}

// Expressions is what is masked besides secrets, as it was given, or off alone.
func (t *Flags) Expressions() []string { return t.values[redactFlag].texts }

// Redact is the function that masks texts. It never returns nil; before the settings were read, it is the one that
// masks by default.
func (t *Flags) Redact() func(string) string {
	texts := t.values[redactFlag].texts
	switch {
	case t.maskAll:
		return func(string) string { return "(not shown, as what is to be masked is not known)" }
	case len(texts) == 0:
		return redact.Secrets
	case texts[0] == telemetry.Off:
		return redact.Nothing
	}
	patterns := make([]*regexp.Regexp, len(texts))
	for i, text := range texts {
		patterns[i] = regexp.MustCompile(text) // expressions has compiled it before
	}
	return redact.Also(patterns...)
}
