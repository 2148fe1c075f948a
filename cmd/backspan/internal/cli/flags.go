package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/internal/nearest"
)

// FlagError says what is wrong with a flag that was typed, and what was most likely meant. It is cobra's
// FlagErrorFunc.
func FlagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedShortnames()) == 0 {
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
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		if better := BadValue("--"+invalid.GetFlag().Name, invalid.GetValue(), invalid.GetFlag()); better != nil {
			return better
		}
	}
	return err
}

// A choice is the value of a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

var _ pflag.Value = (*choice)(nil)

// ChoiceVar adds a flag that takes one of words, and its completion. The first word is the default.
func ChoiceVar(c *cobra.Command, f *pflag.FlagSet, into *string, name string, words []string, help string) {
	*into = words[0]
	f.Var(&choice{into, words}, name, help)
	Complete(c, name, words)
}

// String is the word that holds.
func (v *choice) String() string { return *v.value }

// Type is what help shows in place of the value.
func (v *choice) Type() string { return strings.Join(v.words, "|") }

// Set takes one of the words.
func (v *choice) Set(text string) error {
	for _, word := range v.words {
		if word == text {
			*v.value = word
			return nil
		}
	}
	return errors.New("want " + v.want()) // BadValue says it better where it can
}

func (v *choice) want() string {
	last := len(v.words) - 1
	return strings.Join(v.words[:last], ", ") + " or " + v.words[last]
}

// BadValue says that text, which from said, cannot be the value of flag, and what can.
func BadValue(from, text string, flag *pflag.Flag) error {
	want, meant := "", ""
	switch kind := flag.Value.Type(); kind {
	case "bool":
		want, meant = "true or false", nearest.Ask(text, []string{"true", "false"})
		switch strings.ToLower(text) {
		case "yes", "on", "y":
			meant = " (did you mean true?)"
		case "no", "off", "n":
			meant = " (did you mean false?)"
		}
	case "duration":
		want = "a duration like 500ms, 2s or 1m30s"
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			meant = " (did you mean " + text + "s?)"
		}
	case "int", "int64", "int32":
		want = "a whole number"
	case "uint", "uint64", "uint32":
		want = "a whole number, 0 or more"
	case "float64", "float32":
		want = "a number"
	default:
		if choice, ok := flag.Value.(*choice); ok {
			want, meant = choice.want(), nearest.Ask(text, choice.words)
		}
	}
	if want == "" {
		return nil
	}
	return fmt.Errorf("%s is %q, want %s%s", from, text, want, meant)
}
