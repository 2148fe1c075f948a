package root

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
)

// everyCommand calls do with each command that help shows, the root included.
func everyCommand(t *testing.T, do func(*testing.T, *cobra.Command)) {
	t.Helper()
	root := newRoot(cli.Streams{
		In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Color: new(string),
	}, new(bool))
	seen := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c != root && !c.IsAvailableCommand() && c.Name() != "help" {
			return
		}
		seen++
		t.Run(c.CommandPath(), func(t *testing.T) { do(t, c) })
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(root)
	if seen < 10 {
		t.Errorf("only %d commands were seen", seen)
	}
}

func TestEveryCommandIsExplained(t *testing.T) {
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		c.InitDefaultHelpFlag()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || strings.Contains(c.Short, "\n") {
			t.Errorf("Short is %q, want a line without a full stop", c.Short)
		}
		if c.Example == "" {
			t.Error("it has no example")
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("the example's line %q is not indented by two spaces", line)
			}
		}
		if !strings.Contains(c.Example, "backspan") {
			t.Errorf("the example never calls backspan: %q", c.Example)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if _, help := pflag.UnquoteUsage(f); help == "" {
				t.Errorf("--%s has no description", f.Name)
			}
		})
	})
}

// A command that has one telemetry flag has them all, and the help of each names its variable.
func TestTelemetryFlagsAreOneSet(t *testing.T) {
	var all []string
	only := &cobra.Command{}
	new(settings.Flags).Register(only, "")
	only.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	having := 0
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		if c.Flags().Lookup("otlp-endpoint") == nil {
			return
		}
		having++
		for _, name := range all {
			variable := "$BACKSPAN_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
			f := c.Flags().Lookup(name)
			if f == nil {
				t.Errorf("--%s is missing", name)
			} else if !strings.Contains(f.Usage, variable) {
				t.Errorf("--%s does not name %s: %s", name, variable, f.Usage)
			}
		}
	})
	if having < 2 || len(all) < 8 {
		t.Errorf("%d commands have the %d flags %q, want at least 2 and 8", having, len(all), all)
	}
}
