package run

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

// completeRun offers what stands in the pipeline file: its phases for --only and --from, its vars for --var.
func completeRun(c *cobra.Command) {
	vars := func(file *pipefile.File) (names []string) {
		for _, v := range file.Vars {
			names = append(names, v.Name+"=")
		}
		return names
	}
	completeFromFile(c, "only", cobra.ShellCompDirectiveNoFileComp, (*pipefile.File).PhaseNames)
	completeFromFile(c, "from", cobra.ShellCompDirectiveNoFileComp, (*pipefile.File).PhaseNames)
	completeFromFile(c, "var", cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace, vars)
}

// completeFromFile offers what list finds in the file that is named on the command line.
func completeFromFile(c *cobra.Command, flag string, how cobra.ShellCompDirective, list func(*pipefile.File) []string) {
	cli.CompleteWith(c, flag, func(args []string, _ string) ([]string, cobra.ShellCompDirective) {
		path := defaultPipeline
		if len(args) > 0 {
			path = args[0]
		}
		file, err := parse(path, strings.NewReader(""))
		if err != nil {
			return nil, how // one that cannot be used has nothing to offer
		}
		return list(file), how
	})
}
