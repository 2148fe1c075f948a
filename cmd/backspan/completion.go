package main

import "github.com/spf13/cobra"

// complete offers values as the completions of a flag.
func complete[T ~string](c *cobra.Command, flag string, values []T) {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: wrong in every run, so the first test finds it
	}
}
