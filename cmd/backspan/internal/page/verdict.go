package page

import (
	"fmt"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// verdict is how a session ended, in a sentence.
func verdict(s *session.Session, sum *session.Summary) string {
	o := s.Outcome()
	said := opening(o)
	if sum.Exact || o == session.Unended {
		said += " " + text.Duration(sum.Elapsed)
	} else {
		said += " a time that is not recorded"
	}
	details := details(sum)
	switch all := sum.Operations.Runs; {
	case len(details) > 0:
		said += ": " + enumerate(details)
	case all > 0 && o == session.Succeeded:
		said += ", with " + text.Plural(all, "operation", "operations") + " that succeeded at the first attempt"
	}
	return said + "."
}

func opening(o session.Outcome) string {
	switch o {
	case session.Cancelled:
		return "It was cancelled after"
	case session.DryRun:
		return "It was a dry run of"
	case session.Unended:
		return "It has not ended, or its end was not recorded; this is known of"
	}
	return "It " + o.Word() + " after"
}

func details(sum *session.Summary) (list []string) {
	add := func(n int, one, many string) {
		if n > 0 {
			list = append(list, text.Plural(n, one, many))
		}
	}
	o, phases := &sum.Operations, sum.Phases.Ended
	switch {
	case o.Failures > 0 && sum.Partial:
		add(o.Failures, "attempt failed", "attempts failed")
	case o.Failures > 0:
		list = append(list, fmt.Sprintf("%d of %s failed", o.Failures, text.Plural(o.Attempts, "attempt", "attempts")))
	}
	add(o.Ended[session.Recovered], "operation recovered", "operations recovered")
	add(o.GaveUp, "operation was given up", "operations were given up")
	add(o.Ended[session.Allowed], "operation failed and was allowed to", "operations failed and were allowed to")
	add(o.Ended[session.Cancelled], "operation was cancelled", "operations were cancelled")
	add(phases[session.Recovered], "phase recovered", "phases recovered")
	add(phases[session.FellBack], "phase fell back", "phases fell back")
	add(phases[session.Failed], "phase failed", "phases failed")
	add(phases[session.Allowed], "phase failed and was allowed to", "phases failed and were allowed to")
	add(phases[session.Cancelled], "phase was cancelled", "phases were cancelled")
	if len(list) > 0 {
		add(phases[session.Skipped], "phase was skipped", "phases were skipped")
	}
	return list
}

// failure is why the run, or the only root, failed.
func failure(s *session.Session) (text string) {
	for _, r := range s.Roots {
		if r.Failed() && (r.Kind == semconv.KindRun || len(s.Roots) == 1) {
			text = r.StatusText
		}
	}
	return text
}

// enumerate joins a list as people do: a, b and c.
func enumerate(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
