package advice

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/replay"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
)

// ended says whether it is known how o ended, and that nobody cancelled it: of others nobody knows what would have
// become of them.
func ended(o *history.Operation) bool {
	return o.Whole() && o.Outcome != semconv.OutcomeCancelled && o.Outcome != semconv.OutcomePanic
}

// lateRetries looks at each retry of each operation: did it, or one after it, ever help?
func (l *looking) lateRetries() (pairs []*pair) {
	for _, name := range l.names {
		byRetry := map[int]*pair{}
		saved := map[int]int{}
		classes := map[int]map[class]bool{}
		for _, o := range l.operations[name] {
			if !ended(o) {
				continue
			}
			last := o.Last().Number - 1 // retries
			for n := 1; n <= last; n++ {
				p := byRetry[n]
				if p == nil {
					p = &pair{Finding: Finding{Kind: KindLateRetry, Operation: name, Retry: n}}
					byRetry[n], classes[n] = p, map[class]bool{}
				}
				p.cases = append(p.cases, o.Start.Add(o.Attempts[n].Begin))
				classes[n][l.class(&o.Attempts[0])] = true
				if o.Succeeded() {
					saved[n]++
				}
			}
		}
		for n, p := range byRetry {
			p.never(saved[n], len(p.cases))
			for c := range classes[n] {
				p.classes = append(p.classes, c)
			}
			p.lateRetry()
			pairs = append(pairs, p)
		}
	}
	return pairs
}

func (p *pair) lateRetry() {
	kept := p.Retry - 1
	p.Title = fmt.Sprintf("retry %d never helped", p.Retry)
	if kept == 0 {
		p.Title = "no retry ever helped"
	}
	p.Evidence = fmt.Sprintf("%s came to retry %d, and none of them succeeded by it or a later one",
		plural(p.Of, "operation", "operations"), p.Retry)
	field := strconv.Itoa(kept)
	if kept == 0 {
		field = "retry.Never"
	}
	p.Change = Change{
		Text: fmt.Sprintf("%s at most", plural(kept, "retry", "retries")),
		Go:   "MaxRetries: " + field, Pipeline: "max_retries: " + strconv.Itoa(kept),
		mend: retriesOf(kept),
	}
	if kept == 0 {
		p.Change.Text = "no retry"
	}
	p.Records = p.list(where(events.KeyAttemptNumber, ">", strconv.Itoa(p.Retry)))
}

// retriesOf makes a policy that retries n times.
func retriesOf(n int) func(*replay.Policy) {
	if n == 0 {
		n = retry.Never
	}
	return func(p *replay.Policy) { p.Retry.MaxRetries = n }
}

// permanent looks at each error of each operation: did an operation that was retried after it ever succeed? Only those
// operations count beside which others of their kind succeeded.
func (l *looking) permanent() (pairs []*pair) {
	inner := map[errorOf][]string{} // by the loop around
	for _, name := range l.names {
		for _, o := range l.operations[name] {
			key := errorOf{o.Parent, l.class(o.Last())}
			if o.Depth > 0 && o.Last().Failed && !slices.Contains(inner[key], name) {
				inner[key] = append(inner[key], name)
			}
		}
	}
	for _, name := range l.names {
		byClass := map[class]*pair{}
		saved := map[class]int{}
		for _, o := range l.operations[name] {
			if !ended(o) || !l.worksBeside(o) {
				continue
			}
			for _, c := range l.retried(o) {
				p := byClass[c]
				if p == nil {
					p = &pair{Finding: Finding{
						Kind: KindPermanent, Operation: name, ErrorType: c.Type, Error: c.Reason, class: c,
						within: inner[errorOf{name, c}],
					}}
					byClass[c] = p
				}
				p.cases = append(p.cases, o.Start)
				p.retries += len(o.Attempts) - 1
				for i := range o.Attempts {
					p.waited += o.Attempts[i].Wait
				}
				if o.Succeeded() {
					saved[c]++
				}
			}
		}
		for c, p := range byClass {
			p.never(saved[c], len(p.cases))
			p.permanentError()
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// retried are the classes of the errors of o after which it was tried again, each once, but for those that get well by
// themselves.
func (l *looking) retried(o *history.Operation) (list []class) {
	for i := range o.Attempts {
		if a := &o.Attempts[i]; a.Failed && i+1 < len(o.Attempts) {
			if c := l.class(a); !slices.Contains(list, c) && !l.transient[c] {
				list = append(list, c)
			}
		}
	}
	return list
}

func (p *pair) permanentError() {
	said := p.ErrorType
	conditions := []string{where(events.KeyErrorType, "=", p.ErrorType)}
	if !isWord(p.ErrorType) {
		said = cmp.Or(strconv.Quote(p.Error), p.ErrorType)
		conditions = append(conditions, where(events.KeyError, "~", patternOf(p.Error)))
	}
	p.Title = "error " + said + " never recovers"
	p.Evidence = fmt.Sprintf("%s tried again after it, and none of them succeeded, while others did in the minute "+
		"before and the minute after. They had %s and waited %s",
		plural(p.Of, "operation was", "operations were"), plural(p.retries, "retry", "retries"),
		text.Duration(p.waited))
	p.Numbers = map[string]float64{"retries": float64(p.retries), "waiting": p.waited.Seconds()}
	p.Change = Change{Text: "do not retry it", Go: "return retry.Permanent(err)"}
	if strings.HasPrefix(p.ErrorType, exitType) { // a step of a pipeline: its exit code alone would say too much
		p.Change.Go = ""
		p.Change.Pipeline = "stop_on_output: ['" + strings.ReplaceAll(patternOf(p.Error), "'", "''") + "']"
	}
	p.Records = p.list(append(conditions, "--type="+events.TypeAttempt)...)
}

// patternOf is a regular expression that finds the errors which have reason in common. That is a part of their texts.
func patternOf(reason string) string {
	parts := strings.Split(reason, text.Varying)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return strings.Join(parts, ".*")
}

// maxElapsed looks at the operations that came to their last retry or to the end of their time: which was it?
func (l *looking) maxElapsed() (pairs []*pair) {
	for _, name := range l.names {
		var c cuts
		for _, o := range l.operations[name] {
			retries := o.Last().Number - 1
			out := o.Outcome == semconv.OutcomeDeadline
			ends := out || o.MaxRetries > 0 && retries == o.MaxRetries
			if o.MaxElapsed == 0 || o.MaxRetries == 0 || !o.Whole() || !ends {
				continue
			}
			c.cases = append(c.cases, o.Start)
			c.limit, c.longest = max(c.limit, o.MaxElapsed), max(c.longest, o.Took)
			if !out && (c.fewest == 0 || retries < c.fewest) {
				c.fewest = retries
			}
			if out {
				c.cut++
				c.most = max(c.most, retries)
			}
		}
		if len(c.cases) > 0 {
			pairs = append(pairs, c.nothing(name), c.everything(name))
		}
	}
	return pairs
}

// cuts is what MaxElapsed did to the operations of one name.
type cuts struct {
	cases          []time.Time
	cut            int
	limit, longest time.Duration
	most           int // retries of those that were cut
	fewest         int // retries that are the last
}

func (c *cuts) nothing(name string) *pair {
	p := &pair{Finding: Finding{Kind: KindMaxElapsed, Operation: name}, cases: slices.Clone(c.cases)}
	p.never(c.cut, len(c.cases))
	p.Title = "MaxElapsed cuts nothing"
	p.Evidence = fmt.Sprintf("%s to their last retry, the longest in %s, and MaxElapsed, which is %s, cut none",
		plural(p.Of, "operation came", "operations came"), text.Duration(c.longest), text.Exact(c.limit))
	p.Numbers = map[string]float64{"max_elapsed": c.limit.Seconds(), "longest": c.longest.Seconds()}
	p.Change = Change{
		Text: "leave MaxElapsed out, or set it to what callers wait, below " + text.Duration(c.longest),
		Go:   "MaxElapsed: 0", Pipeline: "max_elapsed: 0s",
		mend: func(p *replay.Policy) { p.Retry.MaxElapsed = 0 },
	}
	p.Records = p.list(where(events.KeyAttemptNumber, ">", strconv.Itoa(c.fewest)))
	return p
}

func (c *cuts) everything(name string) *pair {
	p := &pair{Finding: Finding{Kind: KindMaxElapsed, Operation: name}, cases: c.cases}
	p.always(c.cut, len(c.cases))
	p.Title = "MaxElapsed cuts everything"
	p.Evidence = fmt.Sprintf("%s out of time, after at most %s, and none came to its last one: MaxElapsed is %s",
		plural(p.Of, "operation was", "operations were"), plural(c.most, "retry", "retries"), text.Exact(c.limit))
	p.Numbers = map[string]float64{"max_elapsed": c.limit.Seconds(), "most_retries": float64(c.most)}
	longer := 2 * c.limit
	p.Change = Change{
		Text: "ask for no more retries than fit, or give them more time, such as " + text.Exact(longer),
		Go:   "MaxElapsed: " + goDuration(longer), Pipeline: "max_elapsed: " + text.Exact(longer),
		mend: func(p *replay.Policy) { p.Retry.MaxElapsed = longer },
	}
	p.Records = p.list(where(events.KeyMaxElapsed, ">", "0"), where(events.KeyOutcome, "=", semconv.OutcomeDeadline))
	return p
}

// goDuration is d as Go code.
func goDuration(d time.Duration) string {
	switch {
	case d%time.Minute == 0:
		return fmt.Sprintf("%d * time.Minute", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d * time.Second", d/time.Second)
	}
	return fmt.Sprintf("%d * time.Millisecond", d/time.Millisecond)
}

// where is a condition of events list.
func where(key, op, value string) string { return "--where=" + key + op + value }

// list is the command that lists what p rests on, without the files.
func (p *pair) list(more ...string) []string {
	return append([]string{"backspan", "events", "list", "--operation=" + p.Operation}, more...)
}
