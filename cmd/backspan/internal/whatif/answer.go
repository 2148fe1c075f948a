package whatif

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/replay"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// An answer is what is said about a log.
type answer struct {
	Answered  bool            `json:"answered"`
	Why       string          `json:"why,omitempty"` // it is not
	From      time.Time       `json:"from,omitzero"`
	To        time.Time       `json:"to,omitzero"`
	Policies  []recorded      `json:"recorded_policies,omitempty"`
	Recorded  *replay.Figures `json:"recorded,omitempty"`          // counted
	Check     *replay.Figures `json:"recorded_replayed,omitempty"` // what a replay of the recorded policies gives
	Answers   []one           `json:"answers,omitempty"`
	Incidents int             `json:"incidents"`
	Load      *replay.Load    `json:"load,omitempty"`
	Notes     []string        `json:"notes,omitempty"`
}

// recorded is a policy as far as the log tells it.
type recorded struct {
	Operation string `json:"operation"`
	Failed    int    `json:"failed_at_first"` // operations
	Policy    string `json:"policy"`
}

// one is the answer for one policy.
type one struct {
	Policy     string          `json:"policy"`
	Figures    *replay.Figures `json:"figures"` // null: there is no answer
	NoEvidence *float64        `json:"no_evidence_past_seconds,omitempty"`
	Operations int             `json:"operations_without_evidence,omitempty"`
	Why        string          `json:"why,omitempty"` // it is refused

	refusal string // why there is no evidence
}

func answerOf(h *history.History, asked []replay.Policy, seed uint64, progress func(done, all int)) *answer {
	a := &answer{From: h.From, To: h.To}
	log, err := replay.New(h, seed)
	if err != nil {
		a.Why = err.Error()
		return a
	}
	for _, p := range log.Policies {
		a.Policies = append(a.Policies, recorded{p.Operation, p.Calls, p.String()})
	}
	a.Recorded, a.Check, a.Incidents, a.Load, a.Notes = &log.Recorded, &log.Checked, log.Incidents, log.Load, notes(log)
	for i, p := range asked {
		progress(i, len(asked))
		this := one{Policy: p.String()}
		switch got, err := log.Ask(p); {
		case err != nil:
			this.Why = err.Error()
		case got.Unknown != nil:
			past := got.Unknown.After.Seconds()
			this.NoEvidence, this.Operations, this.refusal = &past, got.Unknown.Operations, got.Unknown.Error()
		default:
			this.Figures = &got.Figures
			a.Answered = true
		}
		a.Answers = append(a.Answers, this)
	}
	progress(len(asked), len(asked))
	if !a.Answered {
		a.Why = cmp.Or(a.Answers[0].Why, a.Answers[0].refusal)
		if n := len(asked); n > 1 {
			a.Why = fmt.Sprintf("none of the %d policies has an answer; of %s: %s", n, a.Answers[0].Policy, a.Why)
		}
	}
	return a
}

// notes are the sentences about what the numbers are worth.
func notes(log *replay.Log) []string {
	var list []string
	switch n := log.Incidents; n {
	case 1:
		list = append(list, "One incident; the interval says nothing about the next.")
	case 2:
		list = append(list, "Two incidents; the interval says nothing about the next.")
	}
	if log.Load != nil {
		list = append(list, fmt.Sprintf("Failures came with load: %.3g first attempts per second while much failed, "+
			"%.3g else. So success is a bound: more calls would have made more failures, fewer calls fewer.",
			log.Load.Busy, log.Load.Quiet))
	}
	list = append(list, "The log sees the load of its own clients, not the server's.",
		"The busiest second is an estimate, the recorded one too: of what succeeds at once the log has counts only.")
	return append(list, log.Notes...)
}

// write prints the answer for a person, within 80 columns; nothing when there is none.
func (a *answer) write(w io.Writer, zone *time.Location, table bool) {
	if !a.Answered {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s operations from %s to %s\n\n", text.Number(int64(math.Round(a.Recorded.Operations))),
		a.From.In(zone).Format("2006-01-02 15:04:05"), a.To.In(zone).Format("2006-01-02 15:04:05Z07:00"))
	if table {
		a.writeSweep(&b)
	} else {
		a.writeColumns(&b)
	}
	b.WriteByte('\n')
	for _, p := range a.Policies {
		wrap(&b, fmt.Sprintf("Recorded: %s, %s: %s", text.Cut(text.Name(p.Operation), width-20, "…"),
			text.Plural(int64(p.Failed), "failure at first", "failures at first"), p.Policy))
	}
	if !table {
		wrap(&b, "Replayed: "+a.Answers[0].Policy+"; what --policy does not name is the default of package retry.")
	}
	c := a.Check.Success
	wrap(&b, fmt.Sprintf("Check: the recorded policy replayed succeeds %s (%s), counted were %s.",
		percent(c.Value), c.Interval(percent), percent(a.Recorded.Success.Value)))
	for _, note := range a.Notes {
		wrap(&b, note)
	}
	_, _ = io.WriteString(w, b.String()) // of a bufio.Writer, whose Flush says it
}

const width = 80

func wrap(b *strings.Builder, sentence string) { b.WriteString(text.Wrap(sentence, "", "  ", width)) }

func percent(f float64) string { return fmt.Sprintf("%.2f%%", 100*f) }

func ratio(f float64) string { return fmt.Sprintf("%.2f", f) }

func count(f float64) string { return text.Number(int64(math.Round(f))) }

// perSecond is a rate, whose tenths matter only where it is small.
func perSecond(f float64) string {
	if f >= 10 {
		return count(f)
	}
	return fmt.Sprintf("%.1f", f)
}

// rows are the figures in their order, and how each is written.
func rows(f *replay.Figures) []struct {
	name   string
	figure replay.Figure
	show   func(float64) string
} {
	return []struct {
		name   string
		figure replay.Figure
		show   func(float64) string
	}{
		{"success", f.Success, percent},
		{"calls per operation", f.Calls, ratio},
		{"operation p50", f.P50, text.Seconds},
		{"operation p95", f.P95, text.Seconds},
		{"operation p99", f.P99, text.Seconds},
		{"time waiting", f.Waiting, text.Seconds},
		{"peak calls per second", f.Peak, perSecond},
		{"wasted calls", f.Wasted, count},
	}
}

func (a *answer) writeColumns(b *strings.Builder) {
	line := func(cells ...string) {
		line := fmt.Sprintf("%-21s", cells[0])
		for i, columns := range []int{10, 12, 22} {
			line += "  " + strings.Repeat(" ", max(0, columns-text.Width(cells[i+1]))) + cells[i+1]
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	line("", "RECORDED", "REPLAYED", "IN 95 OF 100 CASES")
	was := rows(a.Recorded)
	for i, r := range rows(a.Answers[0].Figures) {
		line(r.name, was[i].show(was[i].figure.Value), r.figure.Text(r.show), r.figure.Interval(r.show))
	}
}

// writeSweep is a row for each policy, and one for what was recorded.
func (a *answer) writeSweep(b *strings.Builder) {
	fmt.Fprintf(b, "%11s  %10s  %9s  %8s  %7s  %7s  %8s\n",
		"MAX_RETRIES", "BASE_DELAY", "SUCCESS", "CALLS/OP", "P95", "P99", "PEAK/S")
	row := func(retries, delay string, f *replay.Figures) {
		cells := []struct {
			columns int
			text    string
		}{
			{11, retries},
			{10, delay},
			{9, f.Success.Text(percent)},
			{8, f.Calls.Text(ratio)},
			{7, f.P95.Text(text.Seconds)},
			{7, f.P99.Text(text.Seconds)},
			{8, f.Peak.Text(perSecond)},
		}
		var line strings.Builder
		for i, c := range cells {
			if i > 0 {
				line.WriteString("  ")
			}
			line.WriteString(strings.Repeat(" ", max(0, c.columns-text.Width(c.text))) + c.text)
		}
		b.WriteString(line.String() + "\n")
	}
	row("recorded", "", a.Recorded)
	for i := range a.Answers {
		one := &a.Answers[i]
		retries, delay := valueOf(one.Policy, "max_retries"), valueOf(one.Policy, "base_delay")
		switch {
		case one.Figures != nil:
			row(retries, delay, one.Figures)
		case one.NoEvidence != nil:
			fmt.Fprintf(b, "%11s  %10s  no evidence past %s\n", retries, delay, text.Seconds(*one.NoEvidence))
		default:
			fmt.Fprintf(b, "%11s  %10s  refused: %s\n", retries, delay, one.Why)
		}
	}
}

// valueOf is the value of a key in a policy in words; empty when it is not there.
func valueOf(words, key string) string {
	for word := range strings.FieldsSeq(words) {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value
		}
	}
	return ""
}
