package eventquery

import (
	"cmp"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/events"
)

// A tally is the counts of one operation or phase.
type tally struct {
	asked, failed, retried, recovered, stopped, tries, fellBack int64
	succeeded                                                   int64            // at the first attempt
	outcomes                                                    map[string]int64 // of what was given up
	waited                                                      float64
	span                                                        Period
	classes                                                     map[session.ErrorClass]*class
}

// A class is the errors of one class.
type class struct {
	count   int64
	at      string // of the example: the earliest
	example string
}

// What one of them takes of the budget, about, beside its name.
const (
	tallySize = 800
	classSize = 200 + maxExample
)

// maxWait is in seconds. Longer delays are ignored, so that one absurd number does not spoil a sum.
const maxWait = 1e10

// maxClasses bounds the classes of one operation, so that it leaves something to the others.
const maxClasses = 1000

func (t *tally) operation(c *Counter, l *events.Line, kind events.Value) {
	t.span.Add(l)
	if kind.Is(events.TypeStopped) {
		t.stopped++
		if !session.AttemptEnded(l) {
			t.giveUp(l)
		}
		return
	}
	t.tries++
	t.wait(l)
	number := string(l.Detail(events.KeyAttemptNumber))
	if number == "2" { // each call that was retried has one
		t.retried++
	}
	if kind.Is(events.TypeRecovered) {
		t.recovered++
		return
	}
	t.failure(c, l)
	if number == "1" {
		t.asked++
	}
	if !l.Detail(events.KeyResult).Is("retrying") {
		t.giveUp(l)
	}
}

// maxOutcomes bounds the outcomes of one operation. There are far fewer unless the log is broken.
const maxOutcomes = 20

// giveUp counts an operation or phase that did not end well, by its outcome. Logs of other writers may have none;
// the end of a phase has a result then, failed or cancelled.
func (t *tally) giveUp(l *events.Line) {
	outcome := shortened(cmp.Or(l.Detail(events.KeyOutcome).Text(), l.Detail(events.KeyResult).Text(), "failed"))
	if _, known := t.outcomes[outcome]; !known && len(t.outcomes) >= maxOutcomes {
		outcome = Others
	}
	t.outcomes[outcome]++
}

// givenUp is how many did not end well.
func (t *tally) givenUp() (n int64) {
	for _, of := range t.outcomes {
		n += of
	}
	return n
}

func (t *tally) phase(c *Counter, l *events.Line, kind events.Value) {
	t.span.Add(l)
	succeeded := l.Detail(events.KeyResult).Is("success")
	switch {
	case kind.Is(events.TypePhaseFailed):
		t.asked++
	case kind.Is(events.TypeRecovery):
		t.tries++
		t.wait(l)
		if succeeded {
			t.recovered++
		}
	case succeeded:
		t.fellBack++
	}
	if !succeeded {
		t.failure(c, l)
	}
}

// phaseGaveUp counts a phase that did not end well. No try of it says so: a fallback may save the phase after the last
// one, and a wait for the next one may be interrupted.
func (t *tally) phaseGaveUp(l *events.Line) {
	t.span.Add(l)
	t.giveUp(l)
}

func (t *tally) wait(l *events.Line) {
	if seconds, ok := l.Detail(events.KeyDelay).Float(); ok && seconds > 0 && seconds < maxWait {
		t.waited += seconds
	}
}

func (t *tally) failure(c *Counter, l *events.Line) {
	t.failed++
	key := c.classifier.of(l)
	e := t.classes[key]
	if e == nil {
		if len(t.classes) >= maxClasses || !c.budget.take(sizeOf(key)) {
			key = otherErrors
		}
		if e = t.classes[key]; e == nil {
			e = new(class)
			t.classes[key] = e
		}
	}
	e.add(l)
}

// sizeOf is what a class takes of the budget, about.
func sizeOf(of session.ErrorClass) int { return classSize + len(of.Type) + len(of.Reason) }

// otherErrors is the class of all errors that found no budget.
var otherErrors = session.ErrorClass{Type: Others}

func (c *class) add(l *events.Line) {
	c.count++
	at := l.Timestamp()
	if c.count > 1 && string(at) > c.at {
		return
	}
	text := shortened(errorText(l).Text())
	c.earliest(string(at), text, c.count == 1)
}

// earliest takes the example if it is the earlier one. Which goroutine came first must not show.
func (c *class) earliest(at, example string, first bool) {
	if first || at < c.at || at == c.at && example < c.example {
		c.at, c.example = at, example
	}
}

func (c *class) merge(o *class) {
	c.earliest(o.at, o.example, c.count == 0)
	c.count += o.count
}

func (t *tally) merge(budget *memoryBudget, o *tally) {
	t.asked += o.asked
	t.failed += o.failed
	t.retried += o.retried
	t.recovered += o.recovered
	t.fellBack += o.fellBack
	t.succeeded += o.succeeded
	for outcome, n := range o.outcomes {
		t.outcomes[outcome] += n
	}
	t.stopped += o.stopped
	t.tries += o.tries
	t.waited += o.waited
	t.span.Merge(&o.span)
	for kind, e := range o.classes {
		if known := t.classes[kind]; known != nil {
			known.merge(e)
			if kind != otherErrors {
				budget.give(sizeOf(kind))
			}
		} else {
			t.classes[kind] = e
		}
	}
}
