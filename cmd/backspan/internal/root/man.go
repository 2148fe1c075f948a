package root

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/manpage"
)

func newMan(std cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages into a directory",
		Long: `Man writes a man page for each command into a directory, which is made when it is missing. The
pages hold what --help shows.`,
		Example:           `  backspan man ~/.local/share/man/man1 && man backspan-events`,
		Args:              cli.Args(1, 1),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		RunE: func(c *cobra.Command, args []string) error {
			version := "backspan"
			if info, ok := debug.ReadBuildInfo(); ok {
				version += " " + info.Main.Version
			}
			paths, err := manpage.WriteTree(args[0], c.Root(), version)
			if err != nil {
				return err
			}
			cli.Printf(std.Err, "%d pages in %s\n", len(paths), args[0])
			return nil
		},
	}
}
