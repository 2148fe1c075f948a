package manpage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func sample() *cobra.Command {
	root := &cobra.Command{
		Use: "tool", Short: "Do it", Long: "Tool does\nit.\n\n  a   1\n  b   2\n\n.hidden 'files' too — and \\n.",
	}
	root.PersistentFlags().String("color", "auto", "colours")
	run := &cobra.Command{
		Use: "run FILE", Short: "Run a file", Example: "  tool run -- a-b\n  .  x",
		Run: func(*cobra.Command, []string) {},
	}
	run.Flags().IntP("times", "n", 3, "how often; a whole `number`")
	run.Flags().String("secret", "", "not to be seen")
	if err := run.Flags().MarkHidden("secret"); err != nil {
		panic(err) // the flag is there
	}
	root.AddCommand(run, &cobra.Command{Use: "old", Short: "Gone", Hidden: true, Run: run.Run},
		&cobra.Command{Use: "stop", Short: "Stop", Run: run.Run})
	return root
}

func ExampleWrite() {
	_ = Write(os.Stdout, &cobra.Command{Use: "hello", Short: "Greet", Run: func(*cobra.Command, []string) {}}, "1.0")
	// Output:
	// .TH "HELLO" 1 "" "1.0" "Backspan"
	// .SH NAME
	// hello \- Greet
	// .SH SYNOPSIS
	// .B hello [flags]
	// .SH DESCRIPTION
	// Greet.
	// .SH OPTIONS
	// .TP
	// \fB\-h\fR, \fB\-\-help\fR
	// help for hello
}

func TestThePageOfACommand(t *testing.T) {
	root := sample()
	var b strings.Builder
	if err := Write(&b, root.Commands()[1], "v1"); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		`.TH "TOOL\-RUN" 1 "" "v1"`, "tool\\-run \\- Run a file\n", ".B tool run FILE [flags]\n",
		".TP\n\\fB\\-n\\fR, \\fB\\-\\-times\\fR \\fInumber\\fR\nhow often; a whole number (default 3)\n",
		".SH OPTIONS OF ALL COMMANDS\n.TP\n\\fB\\-\\-color\\fR \\fIstring\\fR\ncolours (default auto)\n",
		".SH EXAMPLES\n.nf\n  tool run \\-\\- a\\-b\n  .  x\n.fi\n",
		"\\fBtool\\fR(1), \\fBtool\\-stop\\fR(1)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Errorf("the page tells of a hidden flag:\n%s", text)
	}
}

func TestTextsKeepTheirLayoutAndTheirLetters(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, sample(), "v1"); err != nil {
		t.Fatal(err)
	}
	want := "Tool does\nit.\n.PP\n.nf\n  a   1\n  b   2\n.fi\n.PP\n" + `\&.hidden \(aqfiles\(aq too \[u2014] and \en.` +
		"\n"
	if !strings.Contains(b.String(), want) {
		t.Errorf("got\n%s\nwant in it\n%s", b.String(), want)
	}
}

func TestEveryVisibleCommandHasAPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "man1")
	paths, err := WriteTree(dir, sample(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"tool.1", "tool-run.1", "tool-stop.1"}
	for i := range want {
		want[i] = filepath.Join(dir, want[i])
	}
	if !slices.Equal(paths, want) {
		t.Errorf("wrote %q, want %q", paths, want)
	}
	for _, path := range want {
		if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), ".TH") {
			t.Errorf("%s: %.20q, %v", path, text, err)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func TestErrorsOfWritingAreReturned(t *testing.T) {
	if err := Write(broken{}, sample(), ""); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if paths, err := WriteTree(file, sample(), ""); err == nil {
		t.Errorf("wrote %q below a file", paths)
	}
}
