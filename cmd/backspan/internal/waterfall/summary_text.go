package waterfall

import "fmt"

// summary draws the counts. What is zero is left out: the eye should find what happened, not what did not.
func (p *picture) summary(s Summary) {
	if s.Phases > 0 {
		p.counts("phases", fmt.Sprint(s.Phases),
			count(s.PhasesRecovered, "recovered"), count(s.PhasesFailed, "failed"), count(s.PhasesCancelled, "cancelled"))
	}
	if s.Operations > 0 {
		p.operations(s)
	}
	p.counts("time", formatDuration(s.Elapsed),
		"working "+formatDuration(s.Working), "waiting "+formatDuration(s.Waiting))
}

func (p *picture) operations(s Summary) {
	calm := ""
	if s.Retried+s.Failed+s.AttemptsFailed+s.Open == 0 {
		calm = "all well at the first attempt"
	}
	other := s.Failed - s.Exhausted - s.Permanent - s.Cancelled - s.OutOfTime
	p.counts("operations", fmt.Sprint(s.Operations), calm, count(s.Retried, "retried"),
		count(s.Recovered, "recovered"), count(s.Exhausted, "exhausted"), count(s.Permanent, "permanent"),
		count(s.Cancelled, "cancelled"), count(s.OutOfTime, "out of time"), count(s.Open, "not ended"), count(other, "failed otherwise"))
	p.counts("attempts", fmt.Sprint(s.Attempts), count(s.AttemptsFailed, "failed"))
}

func count(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, what)
}

// counts draws one number and its details, on more lines when they do not fit.
func (p *picture) counts(name, number string, details ...string) {
	const at = len("operations") + 2 + len("1000")
	l := p.line()
	l.add(styleBold, name)
	l.right(at, styleNone, number)
	between := "  "
	for _, d := range details {
		if d == "" {
			continue
		}
		if l.width > at+2 && l.width+width(between+d) > p.Width {
			p.end(l)
			l = p.line()
			l.pad(at)
			between = "  "
		}
		l.add(styleNone, cut(between+d, p.Width-l.width, p.glyphs.ellipsis))
		between = p.glyphs.dot
	}
	p.end(l)
}
