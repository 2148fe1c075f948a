package session

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// Title is what ran, and when, in one line that is safe to print.
func (e Entry) Title() string { return text.Name(e.Name) + ", " + e.began() }

func (e Entry) began() string {
	if e.Start.IsZero() {
		return "at an unknown time"
	}
	return e.Start.UTC().Format(time.RFC3339)
}

// WriteList writes the sessions of l, which List read, as a table. The error is w's.
func (l *Log) WriteList(w io.Writer) error {
	what := map[Format]string{TraceFile: "spans", EventsFile: "events"}[l.Format]
	if _, err := fmt.Fprintf(w, "%s (%s)\n", text.Line(l.Path), l.Format); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintf(table, "session\tbegan\ttook\t%s\tended\twhat ran\n", what); err != nil {
		return err
	}
	for _, e := range l.Sessions {
		took := "…"
		if e.Begun && e.Outcome != Unended {
			took = text.Duration(e.End.Sub(e.Start))
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", text.Line(e.ID), e.began(),
			took, e.Records, cmp.Or(e.Outcome.Word(), "…"), text.Name(e.Name))
		if err != nil {
			return err
		}
	}
	return table.Flush()
}
