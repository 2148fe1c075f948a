package events

import (
	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/events"
)

// completions offers the values that there are: for names, those in the logs that are typed already, else in the
// default one.
func (o *Options) completions(c *cobra.Command) {
	cli.Complete(c, "type", eventquery.Types)
	cli.Complete(c, "level", eventquery.Levels)
	cli.Complete(c, "result", eventquery.Results)
	cli.Complete(c, "format", formats)
	eventfiles.CompleteTimes(c)
	eventfiles.CompleteValues(c, "phase", (*events.Line).Phase)
	eventfiles.CompleteValues(c, "session", (*events.Line).Session)
	eventfiles.CompleteValues(c, "trace", (*events.Line).TraceID)
	eventfiles.CompleteOperations(c)
	// What is behind the = bash takes for another word.
	cli.CompleteWith(c, "where", func([]string, string) (keys []string, _ cobra.ShellCompDirective) {
		for _, key := range eventquery.Keys() {
			keys = append(keys, key+"=")
		}
		return keys, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}
