package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/report"
	"github.com/backspan/backspan/internal/wholefile"
)

// reportOptions are what the flags of report say.
type reportOptions struct {
	streams
	reportSource
	output string
}

func newReport(std streams) *cobra.Command {
	o := &reportOptions{streams: std}
	c := &cobra.Command{
		Use:   "report [SESSION | trace file | events file]",
		Short: "Make an HTML page of a run: its waterfall, counts, and where the time went",
		Long: `Report makes one self-contained HTML page of a session: the waterfall of its run, phases, operations and attempts, with
waits drawn as waits, what each operation cost, and every error. The page loads nothing and sends nothing: mail it, keep
it with the build, open it in ten years.

It reads a trace file (OTLP JSON lines) or an events file, plain or gzipped; an events file knows less, and the page says
what. A session is named by its id or the beginning of it, and looked for in the trace file and then in the events file that
the other commands write: ` + defaultTraceFile + ` and data/session/events.jsonl, unless $BACKSPAN_TRACE_FILE,
$BACKSPAN_EVENTS or the configuration file say otherwise. Without an argument it is the newest one there.`,
		Example: `  backspan demo && backspan report
  backspan report 4786a9a2 -o monday.html
  backspan report build/trace.json --session 4786a9a2
  backspan report --list
  backspan report -o - | gzip > report.html.gz`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeSource,
		RunE:              func(_ *cobra.Command, args []string) error { return o.run(args) },
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "report.html", "the `file` to write, or - for stdout")
	o.reportSource.register(c)
	if err := c.MarkFlagFilename("output", "html"); err != nil {
		panic(err) // the flag does not exist: wrong in every run, so the first test finds it
	}
	return c
}

func (o *reportOptions) run(args []string) error {
	if o.list {
		return o.printList(o.out, args)
	}
	session, err := o.open(args)
	if err != nil {
		return err
	}
	if o.output == "-" {
		return report.Write(o.out, session)
	}
	if err := writePage(o.output, session); err != nil {
		return err
	}
	say(o.err, "%s: %s, from %s\n", o.output, session.Title(), session.Source)
	return nil
}

// writePage writes the page of session to path.
func writePage(path string, session *report.Session) error {
	if err := checkPage(path); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && session.Source != "" && sameFile(info, session.Source) {
		return fmt.Errorf("%s is what the page is made from; name another file", path)
	}
	var page bytes.Buffer
	err := report.Write(&page, session)
	if err == nil {
		err = wholefile.Write(path, page.Bytes())
	}
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// checkPage says early that a page cannot be written to path.
func checkPage(path string) error {
	if path == "" {
		return fmt.Errorf("the page needs the name of a file, as in report.html")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory; name a file in it, as in %s", path, filepath.Join(path, "report.html"))
	}
	return nil
}

func sameFile(info os.FileInfo, path string) bool {
	other, err := os.Stat(path)
	return err == nil && os.SameFile(info, other)
}

// firstOf is the first error of a list.
func firstOf(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// page is the session of this process, for a page.
func (w *watch) page() *report.Session {
	s := &report.Session{ID: w.session(), Spans: w.recorder.Spans()}
	if n := w.recorder.Dropped(); n > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d more spans were not kept; the trace file has them.", n))
	}
	return s
}

// writeReport writes the page of what has been watched, when a file is named for it, and says so on out.
func (w *watch) writeReport(out io.Writer, path string) error {
	if path == "" {
		return nil
	}
	if err := writePage(path, w.page()); err != nil {
		return err
	}
	say(out, "%-8s %s\n", "report", path)
	return nil
}
