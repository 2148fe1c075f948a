package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/nearest"
)

// BadValue says that a value cannot be used: --sample is "2", want a share from 0 to 1. from is who gave it: a
// flag, a variable, or a line of a file. The text of want begins with that word.
func BadValue(from, value string, want error) error {
	return UsageError(fmt.Errorf("%s is %q, %w", from, value, want))
}

// FlagError says what is wrong with a flag that was typed, and what was most likely meant. It is cobra's
// FlagErrorFunc.
func FlagError(c *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		typed := unknown.GetSpecifiedName()
		if name := nearest.Word(typed, names); name != "" {
			return fmt.Errorf("unknown flag: --%s (did you mean --%s?)", typed, name)
		}
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return BadValue("--"+invalid.GetFlag().Name, invalid.GetValue(), wantOf(invalid))
	}
	return err
}

// wantOf says what the flag of a value that it refused takes.
func wantOf(invalid *pflag.InvalidValueError) error {
	value := invalid.GetValue()
	switch invalid.GetFlag().Value.Type() {
	case "bool":
		_, err := ParseBool(value)
		return err
	case "duration":
		meant := ""
		if _, err := strconv.ParseFloat(value, 64); err == nil {
			meant = " (did you mean " + value + "s?)"
		}
		return errors.New("want a duration like 500ms, 2s or 1m30s" + meant)
	case "int":
		return errors.New("want a whole number")
	case "uint64":
		return errors.New("want a whole number, 0 or more")
	case "float64":
		return errors.New("want a number")
	}
	return errors.Unwrap(invalid) // the other types say it themselves
}

// ParseBool reads what flags and variables take for yes and no.
func ParseBool(word string) (bool, error) {
	value, err := strconv.ParseBool(word)
	if err == nil {
		return value, nil
	}
	meant := nearest.Ask(word, []string{"true", "false"})
	switch strings.ToLower(word) {
	case "yes", "on", "y":
		meant = " (did you mean true?)"
	case "no", "off", "n":
		meant = " (did you mean false?)"
	}
	return false, errors.New("want true or false" + meant)
}

// NotNegative says which of the flags, numbers or durations, is below 0.
func NotNegative(f *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		value := f.Lookup(name).Value.String()
		if d, err := f.GetDuration(name); err == nil {
			value = text.Exact(d)
		}
		if strings.HasPrefix(value, "-") {
			return BadValue("--"+name, value, errors.New("want 0 or more"))
		}
	}
	return nil
}

// NotAbove says that a duration that was given is longer than that of the flag limit, unless the limit is 0.
func NotAbove(f *pflag.FlagSet, name, limit string) error {
	if !f.Changed(name) {
		return nil
	}
	given, err := f.GetDuration(name)
	most, limitErr := f.GetDuration(limit)
	if err := errors.Join(err, limitErr); err != nil {
		return err
	}
	if most > 0 && given > most {
		return BadValue("--"+name, text.Exact(given),
			fmt.Errorf("want at most --%s, which is %s", limit, text.Exact(most)))
	}
	return nil
}

// A choice is the value of a flag that takes one of a few words.
type choice[T ~string] struct {
	value *T
	words []T
}

// ChoiceVar adds a flag that takes one of words, and its completion. *into is the default.
func ChoiceVar[T ~string](c *cobra.Command, f *pflag.FlagSet, into *T, name string, words []T, help string) {
	f.Var(&choice[T]{into, words}, name, help)
	Complete(c, name, words)
}

// String is the word that holds.
func (v *choice[T]) String() string { return string(*v.value) }

// Type is what help shows in place of the value.
func (v *choice[T]) Type() string { return strings.Join(texts(v.words), "|") }

// Set takes one of the words.
func (v *choice[T]) Set(typed string) error {
	words := texts(v.words)
	if i := slices.Index(words, typed); i >= 0 {
		*v.value = v.words[i]
		return nil
	}
	last := len(words) - 1
	return fmt.Errorf("want %s or %s%s", strings.Join(words[:last], ", "), words[last], nearest.Ask(typed, words))
}
