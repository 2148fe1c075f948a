package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand calls do with each command that help shows, the root included.
func everyCommand(t *testing.T, do func(*testing.T, *cobra.Command)) {
	t.Helper()
	root := newRoot(streams{strings.NewReader(""), io.Discard, io.Discard, new(string)}, new(bool))
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

// Whoever has one telemetry flag has them all, and each says its variable.
func TestTelemetryFlagsAreOneSet(t *testing.T) {
	having := 0
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		if c.Flags().Lookup("otlp-endpoint") == nil {
			return
		}
		having++
		for _, s := range telemetrySettings {
			f := c.Flags().Lookup(s.flag)
			if f == nil {
				t.Errorf("--%s is missing", s.flag)
				continue
			}
			if !strings.Contains(f.Usage, "$"+s.variable()) {
				t.Errorf("--%s does not name $%s: %s", s.flag, s.variable(), f.Usage)
			}
		}
	})
	if having < 2 {
		t.Errorf("only %d commands have them", having)
	}
}
