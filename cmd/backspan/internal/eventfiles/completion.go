package eventfiles

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// CompleteTimes offers times for --since and --until.
func CompleteTimes(c *cobra.Command) {
	cli.Complete(c, "since", times)
	cli.Complete(c, "until", times)
}

// CompleteOperations offers the operations for --operation.
func CompleteOperations(c *cobra.Command) {
	CompleteValues(c, "operation", func(l *events.Line) events.Value { return l.Detail(events.KeyOperation) })
}

// CompleteValues offers for a flag what read finds in the logs that are typed already, else in the default one.
func CompleteValues(c *cobra.Command, flag string, read func(*events.Line) events.Value) {
	cli.CompleteWith(c, flag, func(files []string, _ string) ([]string, cobra.ShellCompDirective) {
		return valuesIn(files, read), cobra.ShellCompDirectiveNoFileComp
	})
}

// times are what --since and --until are offered.
var times = []string{"15m", "1h", "1d", "1w", "today", "yesterday"}

// CompleteFiles leaves what is no flag to the shell, which knows files.
func CompleteFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// CompleteLogs is CompleteFiles where commands are offered too: with them a shell offers no files of its own.
func CompleteLogs(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	logs, _ := filepath.Glob(typed + "*.jsonl*") // a bad pattern is no file either
	if path := settings.EventsFile(); strings.HasPrefix(path, typed) && !slices.Contains(logs, path) {
		if _, err := os.Stat(path); err == nil {
			logs = append(logs, path)
		}
	}
	return logs, cobra.ShellCompDirectiveDefault
}

// What is read and offered while a person waits.
const (
	completionRecords = 200_000
	completionValues  = 1000
)

// regular opens the files, or the log that is meant when none is named with its rotated ones, the newest first.
// Reading a pipe would take from whoever it is for.
func regular(files []string) (list []*logfiles.File) {
	for _, path := range Meant(files) {
		switch info, err := os.Stat(path); {
		case err == nil && !info.Mode().IsRegular():
		case len(files) == 0:
			list = logfiles.Find(path)
			slices.Reverse(list)
		default:
			list = append(list, logfiles.Open(path))
		}
	}
	return list
}

// valuesIn are the values that read finds in the files, sorted; a file that cannot be read offers none.
func valuesIn(files []string, read func(*events.Line) events.Value) []string {
	seen := map[string]bool{}
	left := completionRecords
	for _, f := range regular(files) {
		reader, err := f.Reader()
		if err != nil {
			continue
		}
		for ; left > 0 && len(seen) < completionValues && reader.Next(); left-- {
			if v := read(reader.Line()); len(v) > 0 && !seen[string(v)] {
				seen[string(v)] = true
			}
		}
		_ = f.Close() // it was only read
	}
	return typeable(seen)
}

// typeable are those of the values, as records have them, that a terminal can show; sorted.
func typeable(seen map[string]bool) (values []string) {
	for v := range seen {
		// What a terminal cannot show cannot be typed either.
		if value := events.Value(v).Text(); value != "" && text.Line(value) == value {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}
