package manpage

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/wholefile"
)

// Name is the name of the man page of c: backspan-events-count, in section 1.
func Name(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// WriteTree writes the pages of c and of all commands below it that help shows into the directory dir, as NAME.1, and
// returns their paths. version stands at the foot of the pages.
func WriteTree(dir string, c *cobra.Command, version string) (paths []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documentation is for everybody
		return nil, fmt.Errorf("manpage: %w", err)
	}
	var text strings.Builder
	if err := Write(&text, c, version); err != nil {
		return nil, err
	}
	name := Name(c) + ".1"
	if err := wholefile.WriteBelow(dir, name, []byte(text.String()), 0o644); err != nil {
		return nil, fmt.Errorf("manpage: %w", err)
	}
	paths = append(paths, filepath.Join(dir, name))
	for _, below := range c.Commands() {
		if !below.IsAvailableCommand() && below.Name() != "help" {
			continue
		}
		more, err := WriteTree(dir, below, version)
		if paths = append(paths, more...); err != nil {
			return paths, err
		}
	}
	return paths, nil
}

// Write writes the page of c. The error is out's.
func Write(out io.Writer, c *cobra.Command, version string) error {
	c.InitDefaultHelpFlag()
	p := &page{}
	p.line(`.TH "%s" 1 "" "%s" "Backspan"`, escaped(strings.ToUpper(Name(c))), escaped(version))
	p.section("NAME")
	p.line(`%s \- %s`, escaped(Name(c)), escaped(c.Short))
	p.section("SYNOPSIS")
	p.line(`.B %s`, escaped(c.UseLine()))
	p.section("DESCRIPTION")
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	p.prose(text)
	p.flags("OPTIONS", c.NonInheritedFlags())
	p.flags("OPTIONS OF ALL COMMANDS", c.InheritedFlags())
	p.commands(c)
	if c.Example != "" {
		p.section("EXAMPLES")
		p.asIs(strings.Split(strings.Trim(c.Example, "\n"), "\n"))
	}
	p.seeAlso(c)
	_, err := io.WriteString(out, p.String())
	return err
}

// page is a page being written.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p, format+"\n", args...) // a Builder takes everything
}

func (p *page) section(name string) { p.line(".SH %s", name) }

// paragraph begins one, unless one has just begun.
func (p *page) paragraph() {
	text := strings.TrimSuffix(p.String(), "\n")
	if last := text[strings.LastIndexByte(text, '\n')+1:]; last != ".PP" && !strings.HasPrefix(last, ".SH ") {
		p.line(".PP")
	}
}

// prose fills the paragraphs, and leaves alone the lines that are indented: lists and tables.
func (p *page) prose(text string) {
	var indented []string
	flush := func() {
		if len(indented) > 0 {
			p.asIs(indented)
		}
		indented = nil
	}
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, " "):
			indented = append(indented, line)
			continue
		case line == "":
			flush()
			p.paragraph()
			continue
		}
		flush()
		p.line("%s", escaped(line))
	}
	flush()
}

// asIs writes lines as they stand.
func (p *page) asIs(lines []string) {
	p.paragraph()
	p.line(".nf")
	for _, line := range lines {
		p.line("%s", escaped(line))
	}
	p.line(".fi")
}

func (p *page) flags(title string, f *pflag.FlagSet) {
	if !f.HasAvailableFlags() {
		return
	}
	p.section(title)
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		value, help := pflag.UnquoteUsage(flag)
		head := ""
		if flag.Shorthand != "" {
			head = `\fB` + escaped("-"+flag.Shorthand) + `\fR, `
		}
		head += `\fB` + escaped("--"+flag.Name) + `\fR`
		if value != "" {
			head += ` \fI` + escaped(value) + `\fR`
		}
		p.line(".TP\n%s\n%s", head, escaped(help+defaultOf(flag)))
	})
}

// defaultOf tells the default unless it is nothing, or the help does.
func defaultOf(flag *pflag.Flag) string {
	switch flag.DefValue {
	case "", "[]", "false", "0", "0s":
		return ""
	}
	return " (default " + flag.DefValue + ")"
}

func (p *page) commands(c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	p.section("COMMANDS")
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			p.line(".TP\n%s\n%s", reference(below), escaped(below.Short))
		}
	}
}

// reference names the page of c as pages name one another.
func reference(c *cobra.Command) string { return `\fB` + escaped(Name(c)) + `\fR(1)` }

func (p *page) seeAlso(c *cobra.Command) {
	if !c.HasParent() {
		return
	}
	names := []string{reference(c.Parent())}
	for _, other := range c.Parent().Commands() {
		if other != c && other.IsAvailableCommand() {
			names = append(names, reference(other))
		}
	}
	p.section("SEE ALSO")
	p.line("%s", strings.Join(names, ", "))
}

var escapes = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `"`, `\(dq`)

// escaped is text that troff shows as it stands, wherever on a line.
func escaped(text string) string {
	text = escapes.Replace(text)
	var b strings.Builder
	if strings.HasPrefix(text, ".") {
		b.WriteString(`\&`)
	}
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r) // troff alone reads bytes
		}
	}
	return b.String()
}
