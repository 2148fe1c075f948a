package cli

import "github.com/spf13/cobra"

// Complete offers values as the completions of a flag.
func Complete[T ~string](c *cobra.Command, flag string, values []T) {
	CompleteWith(c, flag, func([]string, string) ([]string, cobra.ShellCompDirective) {
		return texts(values), cobra.ShellCompDirectiveNoFileComp
	})
}

// texts are values as strings.
func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// CompleteWith offers what offer returns as the completions of a flag. args are the arguments before it, typed is the
// beginning of its value.
func CompleteWith(
	c *cobra.Command, flag string, offer func(args []string, typed string) ([]string, cobra.ShellCompDirective),
) {
	complete := func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		return offer(args, typed)
	}
	if err := c.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the flag does not exist: wrong in every run, so the first test finds it
	}
}
