package root

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/internal/nearest"
)

// newHelp is cobra's help command, but a topic that is not there is an error like any other.
func newHelp(std cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say what a command does",
		Long:  "Help says what a command does, as the command's --help does.",
		Example: `  backspan help demo
  backspan help events stats`,
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at, _, err := c.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return commandNames(at), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			at, rest, _ := c.Root().Find(args) // its error does not say which commands there are
			if len(rest) > 0 {
				return cli.UsageError(fmt.Errorf("there is no command %q%s",
					at.CommandPath()+" "+rest[0], nearest.Ask(rest[0], commandNames(at))))
			}
			at.InitDefaultHelpFlag()
			at.SetOut(std.Out)
			return at.Help()
		},
	}
}

// meant is err, which refused args, and asks for the command that was meant when there is none of that name.
func meant(root *cobra.Command, args []string, err error) error {
	if _, _, unknown := root.Find(args); unknown == nil {
		return err
	}
	for _, arg := range args { // some are flags and their values
		if ask := nearest.Ask(arg, commandNames(root)); ask != "" {
			return fmt.Errorf("%w%s", err, ask)
		}
	}
	return err
}

// explains says whether c only tells about the program, and so works whatever the configuration file says.
func explains(c *cobra.Command) bool {
	for ; c.HasParent(); c = c.Parent() {
		switch c.Name() {
		case "help", "man", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
			return true
		}
	}
	return false
}

// commandNames are the commands below c that its help shows.
func commandNames(c *cobra.Command) (names []string) {
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() || below.Name() == "help" {
			names = append(names, below.Name())
		}
	}
	return names
}

// addCommonParts adds what all commands have alike: no completion for the values of numeric flags, and examples
// for the completion commands, which cobra makes.
func addCommonParts(c *cobra.Command) {
	if parent := c.Parent(); parent != nil && parent.Name() == "completion" {
		c.Example = completionExamples[c.Name()]
		c.Long = strings.NewReplacer("#### ", "", "\t", "  ").Replace(c.Long) // cobra writes them for a web page
	}
	if c.Name() == "completion" {
		c.Example = "  source <(backspan completion bash)"
		c.Args, c.RunE = cobra.ArbitraryArgs, explainShell
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "duration", "int", "uint64", "float64": // a number is not a file
			if _, known := c.GetFlagCompletionFunc(f.Name); !known {
				cli.Complete(c, f.Name, []string{})
			}
		}
	})
	for _, below := range c.Commands() {
		addCommonParts(below)
	}
}

// explainShell says which shells there are. Its help alone, where a script was asked for, would be sourced as one.
func explainShell(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	shells := commandNames(c)
	return cli.UsageError(fmt.Errorf("there is no completion for %q%s, want one of %s",
		args[0], nearest.Ask(args[0], shells), strings.Join(shells, ", ")))
}

var completionExamples = map[string]string{
	"bash":       "  backspan completion bash > ~/.local/share/bash-completion/completions/backspan",
	"zsh":        `  backspan completion zsh > "${fpath[1]}/_backspan"`,
	"fish":       "  backspan completion fish > ~/.config/fish/completions/backspan.fish",
	"powershell": "  backspan completion powershell | Out-String | Invoke-Expression",
}
