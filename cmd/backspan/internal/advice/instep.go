package advice

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/replay"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/retry"
)

// When retries are in step.
const (
	moment     = 100 * time.Millisecond
	moments    = int(time.Minute / moment)
	minProcess = 3 // that have the same delays
	peakTimes  = 5 // so many medians are a peak
)

// A process is where an operation ran.
type process struct {
	host string
	pid  int
}

// A retried is one retry, after a delay that several processes had to the digit.
type retried struct {
	at    time.Time
	delay time.Duration
	by    process
}

// inStep looks at the retries of each operation: do those of several processes come at the same moments, more than
// chance would have it?
func (l *looking) inStep() (pairs []*pair) {
	for _, name := range l.names {
		list, all := sameDelays(l.operations[name])
		if all == 0 {
			continue
		}
		p := &pair{Finding: Finding{Kind: KindInStep, Operation: name, Of: len(list), Side: AtLeast}, holds: true, p: 1}
		pairs = append(pairs, p)
		minutes := map[time.Time][]retried{}
		for _, r := range list {
			minute := r.at.Truncate(time.Minute)
			minutes[minute] = append(minutes[minute], r)
		}
		hours := map[time.Time][]float64{}
		var highest peak
		for minute, retries := range minutes {
			found := peaksIn(minute, retries)
			hour := minute.Truncate(time.Hour)
			hours[hour] = append(hours[hour], found.p)
			p.cases = append(p.cases, found.cases...)
			if found.highest > highest.highest || found.highest == highest.highest && found.at.Before(highest.at) {
				highest = found
			}
		}
		p.p = inSeveral(hourly(hours))
		p.Hits = len(p.cases)
		p.Bound = lowerBound(p.Hits, p.Of)
		p.stepping(&highest)
	}
	return pairs
}

// sameDelays are the retries whose exact delays at least minProcess processes had, and how many retries there are.
func sameDelays(operations []*history.Operation) (list []retried, all int) {
	by := map[time.Duration][]process{} // at most minProcess
	for _, o := range operations {
		for i := range o.Attempts {
			a := &o.Attempts[i]
			if a.Number == 1 || a.Wait == 0 {
				continue
			}
			r := retried{o.Start.Add(a.Begin), a.Wait, process{o.Host, o.PID}}
			list = append(list, r)
			if known := by[a.Wait]; len(known) < minProcess && !slices.Contains(known, r.by) {
				by[a.Wait] = append(known, r.by)
			}
		}
	}
	all = len(list)
	return slices.DeleteFunc(list, func(r retried) bool { return len(by[r.delay]) < minProcess }), all
}

// A peak is the moment of a minute with the most retries.
type peak struct {
	at      time.Time
	delay   time.Duration
	highest int // retries
	median  int // of the moments of its minute
	by      int // processes
	p       float64
	cases   []time.Time // of all peaks of the minute
}

// peaksIn finds the moments of a minute that have peakTimes as many retries as the median, by several processes. Its p
// is how likely one so high is somewhere in the minute when each retry comes at a moment of its own.
func peaksIn(minute time.Time, retries []retried) (found peak) {
	found.p = 1
	at := map[int][]retried{}
	for _, r := range retries {
		i := int(r.at.Sub(minute) / moment)
		at[i] = append(at[i], r)
	}
	counts := make([]int, moments) // most are 0
	for i, here := range at {
		counts[i] = len(here)
	}
	slices.Sort(counts)
	found.median = counts[moments/2]
	for _, i := range slices.Sorted(maps.Keys(at)) {
		here := at[i]
		processes := map[process]bool{}
		for _, r := range here {
			processes[r.by] = true
		}
		if len(here) < peakTimes*max(1, found.median) || len(processes) < minProcess {
			continue
		}
		for _, r := range here {
			found.cases = append(found.cases, r.at)
		}
		if len(here) > found.highest {
			found.highest, found.by = len(here), len(processes)
			found.at, found.delay = minute.Add(time.Duration(i)*moment), here[0].delay
			found.p = min(1, float64(moments)*atLeast(len(here), len(retries), 1/float64(moments)))
		}
	}
	return found
}

// hourly are the p-values of hours, of those of their minutes: each is that of the least, which is one of many.
func hourly(hours map[time.Time][]float64) (list []float64) {
	for _, minutes := range hours {
		list = append(list, min(1, float64(len(minutes))*slices.Min(minutes)))
	}
	return list
}

func (p *pair) stepping(highest *peak) {
	p.Title = "the waits are in step across processes"
	p.Evidence = fmt.Sprintf("of %s with the same exact delays in several processes %s came in step: at most %d "+
		"within %s, by %d processes, where the median is %d", plural(p.Of, "retry", "retries"), number(p.Hits),
		highest.highest, text.Exact(moment), highest.by, highest.median)
	p.Numbers = map[string]float64{
		"peak": float64(highest.highest), "median": float64(highest.median), "processes": float64(highest.by),
		"delay": highest.delay.Seconds(),
	}
	p.Change = Change{
		Text: "add jitter", Go: "Jitter: retry.FullJitter", Pipeline: "jitter: full",
		mend: func(p *replay.Policy) { p.Retry.Jitter = retry.FullJitter },
	}
	from := highest.at
	p.Records = p.list(where(events.KeyDelay, ">", "0"), since(from.Add(-time.Second)), until(from.Add(2*time.Second)))
}

// since and until are the flags of events list for a time.
func since(t time.Time) string { return "--since=" + t.UTC().Format(time.RFC3339) }

func until(t time.Time) string { return "--until=" + t.UTC().Format(time.RFC3339) }
