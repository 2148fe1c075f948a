package root

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/manpage"
)

// Each command that help shows has a page, and each flag of it stands there.
func TestManPagesAreWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	var errOut bytes.Buffer
	if code := Execute([]string{"man", dir}, strings.NewReader(""), io.Discard, &errOut); code != 0 {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	pages := 0
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		pages++
		text, err := os.ReadFile(filepath.Join(dir, manpage.Name(c)+".1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH OPTIONS", ".SH EXAMPLES\n",
		} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %s", strings.TrimSpace(want))
			}
		}
		if !strings.Contains(string(text), `\fB\-\-color\fR`) {
			t.Error("the flags of all commands are missing")
		}
	})
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != pages {
		t.Errorf("%d pages of %d commands, %v", len(files), pages, err)
	}
}
