package eventquery

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// Write prints the statistics as tables for a person, with times in zone.
func (s Stats) Write(w io.Writer, zone *time.Location) error {
	var b strings.Builder
	if len(s.Operations)+len(s.Phases) == 0 {
		fmt.Fprintf(&b, "%s, and no retry among them\n", text.Plural(s.Records, "event", "events"))
	} else {
		fmt.Fprintf(&b, "%s of %s, %s to %s\n", text.Plural(s.Records, "event", "events"), text.Plural(s.Sessions, "session", "sessions"), short(s.First, zone), short(s.Last, zone))
	}
	if s.Dropped > 0 {
		fmt.Fprintf(&b, "%s lost while writing: the numbers are too low\n", text.Plural(s.Dropped, "event", "events"))
	}
	s.writeOperations(&b, zone)
	s.writePhases(&b, zone)
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Stats) writeOperations(b *strings.Builder, zone *time.Location) {
	if len(s.Operations) == 0 {
		return
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row(t, "OPERATION\tASKED\tATTEMPTS\tRETRIED\tRECOVERED\tGIVEN UP\tWAITED\tCALLS/ASKED\tFIRST\tLAST\tCOMMONEST ERRORS\n")
	for _, o := range s.Operations {
		row(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%.2f\t%s\t%s\t%s\n", text.Line(o.Name), o.Asked, o.Attempts, o.Retried,
			o.Recovered, o.GivenUp, text.Seconds(o.Waited), o.Amplification, short(o.First, zone), short(o.Last, zone), top(o.Errors))
	}
	_ = t.Flush() // into b, which never fails
	rates := false
	for _, o := range s.Operations {
		if o.SuccessRate != nil {
			if !rates {
				b.WriteString("\nSuccess rates, with what succeeded at once, which is in no number above:\n")
			}
			rates = true
			fmt.Fprintf(b, "  %s: %.2f%% of %d\n", text.Line(o.Name), 100**o.SuccessRate, o.Succeeded+o.Recovered+o.GivenUp)
		}
	}
	if !rates {
		b.WriteString("\nOperations that succeeded at once are not in the log and in no number here.\n")
	}
	b.WriteString("Waits are as planned; those that were cut short are not counted.\n")
}

func (s Stats) writePhases(b *strings.Builder, zone *time.Location) {
	if len(s.Phases) == 0 {
		return
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row(t, "PHASE\tFAILED\tRECOVERIES\tRECOVERED\tFELL BACK\tGIVEN UP\tWAITED\tFIRST\tLAST\tCOMMONEST ERRORS\n")
	for _, p := range s.Phases {
		row(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", text.Line(p.Name), p.Failed, p.Recoveries, p.Recovered,
			p.FellBack, p.GivenUp, text.Seconds(p.Waited), short(p.First, zone), short(p.Last, zone), top(p.Errors))
	}
	_ = t.Flush() // as above
}

// row writes to a table in memory, which never fails.
func row(t *tabwriter.Writer, format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) }

// top names the three commonest errors.
func top(errors []ErrorCount) string {
	var list []string
	for _, e := range errors[:min(3, len(errors))] {
		list = append(list, fmt.Sprintf("%s ×%d", text.Line(e.Type), e.Count))
	}
	if more := len(errors) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}
