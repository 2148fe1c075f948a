package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/eventquery"
)

// complete offers values as the completions of a flag.
func complete[T ~string](c *cobra.Command, flag string, values []T) {
	completeWith(c, flag, cobra.ShellCompDirectiveNoFileComp, func() []string { return words(values) })
}

// words are values as strings.
func words[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// completeWith offers what offer returns as the completions of a flag.
func completeWith(c *cobra.Command, flag string, directive cobra.ShellCompDirective, offer func() []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return offer(), directive
	})
	if err != nil {
		panic(err) // the flag does not exist: wrong in every run, so the first test finds it
	}
}

// completionRecords bounds how much of a log is read while a person waits for a completion.
const completionRecords = 200_000

// completeFrom offers the values that stand in the default event log.
func completeFrom(c *cobra.Command, flag string, read func(*events.Line) events.Value) {
	completeWith(c, flag, cobra.ShellCompDirectiveNoFileComp, func() []string {
		reader, err := events.OpenFile(eventsFile())
		if err != nil {
			return nil // without a log there is nothing to offer
		}
		defer reader.Close() //nolint:errcheck // it was only read
		seen := map[string]bool{}
		for n := 0; n < completionRecords && reader.Next(); n++ {
			if v := read(reader.Line()); len(v) > 2 && !seen[string(v)] {
				seen[string(v)] = true
			}
		}
		var values []string
		for v := range seen {
			values = append(values, eventquery.Printable(events.Value(v).Text()))
		}
		slices.Sort(values)
		return values
	})
}
