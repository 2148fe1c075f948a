package main

import "github.com/spf13/cobra"

// complete offers values as the completions of a flag.
func complete[T ~string](c *cobra.Command, flag string, values []T) {
	completeWith(c, flag, func([]string, string) ([]string, cobra.ShellCompDirective) {
		return words(values), cobra.ShellCompDirectiveNoFileComp
	})
}

// words are values as strings.
func words[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// completeWith offers what offer returns as the completions of a flag, of which typed is there already; args are the
// arguments before it.
func completeWith(c *cobra.Command, flag string, offer func(args []string, typed string) ([]string, cobra.ShellCompDirective)) {
	err := c.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		return offer(args, typed)
	})
	if err != nil {
		panic(err) // the flag does not exist: wrong in every run, so the first test finds it
	}
}
