package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Args takes least to most arguments. Its error shows what the command takes.
func Args(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return UsageError(fmt.Errorf("an argument is missing, want %s", c.UseLine()))
		case len(args) > most && mayHoldSecrets(c):
			return UsageError(fmt.Errorf("there is one argument too many, want %s", c.UseLine()))
		case len(args) > most:
			return UsageError(fmt.Errorf("%q is one argument too many, want %s", args[most], c.UseLine()))
		}
		return nil
	}
}

// mayHoldSecrets reports whether an argument may be the rest of a header that was typed without quotes.
func mayHoldSecrets(c *cobra.Command) bool {
	header := c.Flags().Lookup("otlp-header")
	return header != nil && header.Changed
}
