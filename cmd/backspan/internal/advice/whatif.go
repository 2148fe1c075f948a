package advice

import (
	"fmt"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/replay"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// A WhatIf is what backspan whatif says of a change.
type WhatIf struct {
	Command  []string        `json:"command,omitempty"`  // that says it in full: its words
	Recorded *replay.Figures `json:"recorded,omitempty"` // counted
	Replayed *replay.Figures `json:"replayed,omitempty"`
	Why      string          `json:"why,omitempty"` // there is no answer
}

// seed is that of the replays: the same log has the same answers.
const seed = 1

// Replay asks what each change would have done to the operations of h.
func (a *Advice) Replay(h *history.History) {
	logs := map[string]*recorded{}
	for _, f := range a.Findings {
		if f.Change.mend == nil {
			f.WhatIf.Why = "no policy says which errors are permanent"
			continue
		}
		name := f.Operation
		if f.Kind == KindNested { // it is the loop around that changes
			name = f.Parent
		}
		log := logs[name]
		if log == nil {
			log = record(h, name)
			logs[name] = log
		}
		f.WhatIf = log.ask(name, f.Change.mend)
	}
}

// recorded is a log of one operation that can be replayed; else err says why it cannot.
type recorded struct {
	log *replay.Log
	err error
}

func record(h *history.History, name string) *recorded {
	log, err := replay.New(h.Of(name), seed)
	return &recorded{log, err}
}

// ask replays the policy that was recorded, mended.
func (r *recorded) ask(name string, mend func(*replay.Policy)) (w WhatIf) {
	if r.err != nil {
		w.Why = r.err.Error()
		return w
	}
	if n := len(r.log.Policies); n != 1 {
		w.Why = fmt.Sprintf("it was recorded with %d policies: ask for one that is to take the place of all", n)
		return w
	}
	p := *r.log.Policies[0]
	mend(&p)
	w.Command = []string{"backspan", "whatif", "--operation=" + name, "--policy=" + p.String()}
	switch answer, err := r.log.Ask(p); {
	case err != nil:
		w.Why = err.Error()
	case answer.Unknown != nil:
		w.Why = answer.Unknown.Error()
	default:
		w.Recorded, w.Replayed = &r.log.Recorded, &answer.Figures
	}
	return w
}

// said is w in a sentence.
func (w *WhatIf) said() string {
	if w.Replayed == nil {
		return "no answer: " + text.Line(w.Why)
	}
	percent := func(f float64) string { return fmt.Sprintf("%.2f%%", 100*f) }
	ratio := func(f float64) string { return fmt.Sprintf("%.2f", f) }
	count := func(f float64) string { return number(int(f + 0.5)) }
	said := ""
	for _, row := range []struct {
		name     string
		was, now replay.Figure
		show     func(float64) string
	}{
		{"success", w.Recorded.Success, w.Replayed.Success, percent},
		{"calls per operation", w.Recorded.Calls, w.Replayed.Calls, ratio},
		{"calls in the busiest second", w.Recorded.Peak, w.Replayed.Peak, count},
		{"waiting", w.Recorded.Waiting, w.Replayed.Waiting, text.Seconds},
	} {
		if said != "" {
			said += "; "
		}
		said += fmt.Sprintf("%s %s, was %s", row.name, row.now.Text(row.show), row.show(row.was.Value))
		if between := row.now.Interval(row.show); between != "" {
			said += " (" + between + ")"
		}
	}
	return said
}
