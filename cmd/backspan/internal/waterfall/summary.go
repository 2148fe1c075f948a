package waterfall

import (
	"fmt"
	"slices"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// summary draws the counts. What is zero is left out: the eye should find what happened, not what did not.
func (p *picture) summary(s *session.Summary) {
	if s.Phases.Runs > 0 {
		p.counts("phases", s.Phases.Runs, ends(&s.Phases)...)
	}
	if o := &s.Operations; o.Runs > 0 {
		details := ends(o)
		if len(details)+o.Failures == 0 {
			details = []string{"all well at the first attempt"}
		}
		p.counts("operations", o.Runs, slices.Concat(count(o.Retried, "retried"), details)...)
		p.counts("attempts", o.Attempts, count(o.Failures, "failed")...)
	}
	elapsed := unknown
	if s.Exact {
		elapsed = text.Duration(s.Elapsed)
	}
	var shares []string
	for _, share := range s.Shares() {
		shares = append(shares, share.Name+" "+text.Duration(share.Took))
	}
	p.fact("time", elapsed, shares...)
}

// ends says how many ended how, but for those that succeeded at once.
func ends(c *session.Counts) (list []string) {
	for _, o := range session.Outcomes {
		if o != session.Succeeded {
			list = append(list, count(c.Ended[o], o.Word())...)
		}
	}
	return list
}

func count(n int, what string) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d %s", n, what)}
}

func (p *picture) counts(name string, n int, details ...string) {
	p.fact(name, fmt.Sprint(n), details...)
}

// fact draws one number and its details, on more lines when they do not fit.
func (p *picture) fact(name, number string, details ...string) {
	const at = len("operations") + 2 + len("1000")
	l := p.line()
	l.Add(term.Bold, name)
	if p.ASCII {
		number = text.ASCII(number)
	}
	l.Right(at, term.Plain, number)
	between := "  "
	for _, d := range details {
		if l.Width > at+2 && l.Width+text.Width(between+d) > p.Width {
			p.end(l)
			l = p.line()
			l.Pad(at)
			between = "  "
		}
		l.Add(term.Plain, text.Cut(between+d, p.Width-l.Width, p.glyphs.Ellipsis))
		between = p.glyphs.Dot
	}
	p.end(l)
}
