package run

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

//go:embed init_starter.yaml
var starter []byte

// NewInitCommand makes the verb init.
func NewInitCommand(std cli.Streams) *cobra.Command {
	schema := false
	c := &cobra.Command{
		Use:   "init [pipeline.yaml]",
		Short: "Write a pipeline to start from",
		Long: `Init writes a small commented pipeline that runs as it is. It never writes over a file. With - it
goes to stdout.

With --schema it prints the JSON Schema of pipeline files, with which editors complete and check them while you
type.`,
		Example: `  backspan init && backspan run
  backspan init nightly.yaml
  backspan init --schema > pipeline.schema.json`,
		Args: cli.Args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if schema {
				if len(args) > 0 {
					return cli.UsageError(fmt.Errorf("--schema prints to stdout and takes no file, but %q is named",
						args[0]))
				}
				_, err := std.Out.Write(pipefile.Schema())
				return err
			}
			path := defaultPipeline
			if len(args) > 0 {
				path = args[0]
			}
			return writeStarter(std, path)
		},
	}
	c.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of pipeline files")
	return c
}

func writeStarter(std cli.Streams, path string) error {
	switch path {
	case "":
		return cli.UsageError(errors.New("the name of the file is empty, want one such as " + defaultPipeline))
	case "-":
		_, err := std.Out.Write(starter)
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // source code
	if errors.Is(err, os.ErrExist) {
		return cli.UsageError(fmt.Errorf("%s exists, and is not written over; name another file", path))
	}
	if err != nil {
		return err
	}
	_, err = file.Write(starter)
	if err := cmp.Or(err, file.Close()); err != nil {
		return err
	}
	cli.Printf(std.Err, "%s: try backspan run %s --dry-run, and then without --dry-run\n", path, path)
	return nil
}
