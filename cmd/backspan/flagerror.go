package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/internal/nearest"
)

// explainFlag says what is wrong with a flag that was typed, and what was most likely meant. It is cobra's
// FlagErrorFunc.
func explainFlag(c *cobra.Command, err error) error {
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
		if better := badValue("--"+invalid.GetFlag().Name, invalid.GetValue(), invalid.GetFlag()); better != nil {
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

// choiceVar adds a flag that takes one of words, and its completion. The first word is the default.
func choiceVar(c *cobra.Command, f *pflag.FlagSet, into *string, name string, words []string, help string) {
	*into = words[0]
	f.Var(&choice{into, words}, name, help)
	complete(c, name, words)
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
	return errors.New("want " + v.want()) // badValue says it better where it can
}

func (v *choice) want() string {
	last := len(v.words) - 1
	return strings.Join(v.words[:last], ", ") + " or " + v.words[last]
}
