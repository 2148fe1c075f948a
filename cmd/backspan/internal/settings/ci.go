package settings

import (
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/internal/nearest"
	"github.com/backspan/backspan/telemetry"
)

const ciFlag = "ci"

// The values of --ci, beside off.
const (
	ciAuto   = "auto" // as the environment says
	ciGitHub = "github"
)

var ciModes = []string{ciAuto, telemetry.Off, ciGitHub}

// RegisterCI adds --ci to a command that tells continuous integration what was retried.
func (t *Flags) RegisterCI(c *cobra.Command) {
	c.Flags().String(ciFlag, ciAuto, "tell GitHub Actions what was retried, by warnings and in the job's summary: "+
		"auto\n(when GITHUB_ACTIONS is true), off or github ($BACKSPAN_CI)")
	cli.Complete(c, ciFlag, ciModes)
}

func ciMode(v given) error {
	if word := v.texts[0]; !slices.Contains(ciModes, word) {
		return cli.BadValue(v.by, word, errors.New("want auto, off or github"+nearest.Ask(word, ciModes)))
	}
	return nil
}

// GitHub reports whether GitHub Actions is to be told what was retried.
func (t *Flags) GitHub() bool {
	switch t.text(ciFlag) {
	case ciGitHub:
		return true
	case ciAuto:
		return os.Getenv("GITHUB_ACTIONS") == "true"
	}
	return false
}
