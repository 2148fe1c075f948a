package eventquery

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Write prints the statistics as tables for a person.
func (s Stats) Write(w io.Writer) error {
	var b strings.Builder
	if len(s.Operations)+len(s.Phases) == 0 {
		fmt.Fprintf(&b, "%s, and no retry among them\n", plural(s.Records, "event"))
	} else {
		fmt.Fprintf(&b, "%s of %s, %s to %s\n", plural(s.Records, "event"), plural(int64(s.Sessions), "session"), short(s.First), short(s.Last))
	}
	if s.Dropped > 0 {
		fmt.Fprintf(&b, "%s lost while writing: the numbers are too low\n", plural(s.Dropped, "event"))
	}
	s.writeOperations(&b)
	s.writePhases(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Stats) writeOperations(b *strings.Builder) {
	if len(s.Operations) == 0 {
		return
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row(t, "OPERATION\tASKED\tATTEMPTS\tRETRIED\tRECOVERED\tGAVE UP\tWAITED\tCALLS/ASKED\tFIRST\tLAST\tCOMMONEST ERRORS\n")
	for _, o := range s.Operations {
		row(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%.2f\t%s\t%s\t%s\n", Printable(o.Name), o.Asked, o.Attempts, o.Retried,
			o.Recovered, o.Exhausted+o.Stopped, Seconds(o.Waited), o.Amplification, short(o.First), short(o.Last), top(o.Errors))
	}
	_ = t.Flush() // into b, which never fails
	b.WriteString("\nOperations that succeeded at once are not in the log and in no number here.\n")
}

func (s Stats) writePhases(b *strings.Builder) {
	if len(s.Phases) == 0 {
		return
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row(t, "PHASE\tFAILED\tRECOVERIES\tRECOVERED\tLOST\tWAITED\tFIRST\tLAST\tCOMMONEST ERRORS\n")
	for _, p := range s.Phases {
		row(t, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", Printable(p.Name), p.Failed, p.Recoveries, p.Recovered, p.Lost,
			Seconds(p.Waited), short(p.First), short(p.Last), top(p.Errors))
	}
	_ = t.Flush() // as above
}

// row writes to a table in memory, which never fails.
func row(t *tabwriter.Writer, format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) }

// top names the three commonest errors.
func top(errors []ErrorCount) string {
	var list []string
	for _, e := range errors[:min(3, len(errors))] {
		list = append(list, fmt.Sprintf("%s ×%d", Printable(e.Type), e.Count))
	}
	if more := len(errors) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// short leaves a timestamp its seconds.
func short(timestamp string) string {
	if len(timestamp) < len("2006-01-02T15:04:05") {
		return timestamp
	}
	return strings.Replace(timestamp[:len("2006-01-02T15:04:05")], "T", " ", 1)
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
