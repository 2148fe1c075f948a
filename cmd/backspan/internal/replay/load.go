package replay

import (
	"fmt"
	"math"
	"slices"
)

// Load says that failures came when more was asked for.
type Load struct {
	Busy  float64 `json:"busy_first_attempts_per_second"`  // while much failed
	Quiet float64 `json:"quiet_first_attempts_per_second"` // else
}

// loadBin is how long a stretch of time is of which the load is looked at, in seconds. That is a window of a tally.
// There are not more than mostLoadBins: those of a log that is longer than 11 days are longer.
const (
	loadBin      = 10.0
	mostLoadBins = 100_000
)

// What counts as load that grows with the failing share: first attempts are this much more frequent while much fails,
// and that is no chance by this many standard deviations.
const (
	loadGrowth = 1.1
	loadSigmas = 4
)

// loadOf compares the rate of first attempts while much failed with that of the other times. Retries do not count: they
// are load that failures make.
func (l *Log) loadOf() *Load {
	last := 0.0
	for _, s := range l.sites {
		if n := len(s.first.knots); n > 0 {
			last = max(last, s.first.knots[n-1].at)
		}
	}
	size := max(loadBin, last/mostLoadBins)
	failed := map[int]float64{}
	for _, c := range l.calls {
		failed[int(c.at/size)]++
	}
	type bin struct{ n, share float64 }
	var all []bin
	total := bin{}
	for i := 0; float64(i+1)*size <= last; i++ { // the last one is not whole
		n := failed[i]
		for _, s := range l.sites {
			n += s.first.between(float64(i)*size, float64(i+1)*size)
		}
		if n > 0 {
			all = append(all, bin{n, failed[i] / n})
			total.n += n
			total.share += failed[i]
		}
	}
	if len(all) < 3 {
		return nil
	}
	overall := total.share / total.n
	var busy, quiet, busyBins, quietBins float64
	for _, b := range all {
		if b.share > overall {
			busy, busyBins = busy+b.n, busyBins+1
		} else {
			quiet, quietBins = quiet+b.n, quietBins+1
		}
	}
	if busyBins == 0 || quietBins == 0 {
		return nil
	}
	rate := busy / busyBins
	usual := quiet / quietBins
	if rate < loadGrowth*usual || (rate-usual)/math.Sqrt(usual/busyBins+usual/quietBins) < loadSigmas {
		return nil
	}
	return &Load{Busy: rate / size, Quiet: usual / size}
}

// What makes a policy one with fewer or with more calls: clearly so in all, and in the busiest second not the other
// way.
const (
	clearlyFewer = 0.95
	clearlyMore  = 1.1
	nearlyAsBusy = 1.1
)

// bound makes bounds of figures where failures came with load: more calls would have made more of them, and fewer calls
// fewer. The error is an *Unanswerable.
func (l *Log) bound(f *Figures, p Policy) error {
	if l.Load == nil {
		return nil
	}
	fewer := f.Calls.Value <= clearlyFewer*l.Recorded.Calls.Value && f.Peak.Value <= nearlyAsBusy*l.Recorded.Peak.Value
	more := f.Calls.Value >= clearlyMore*l.Recorded.Calls.Value && f.Peak.Value*nearlyAsBusy >= l.Recorded.Peak.Value
	if !fewer && !more {
		return &Unanswerable{fmt.Sprintf("failures came with load, and this policy makes %.3g calls per operation "+
			"where %.3g were recorded, and %.3g calls in the busiest second where %.3g were: "+
			"that is neither clearly more load nor clearly less",
			f.Calls.Value, l.Recorded.Calls.Value, f.Peak.Value, l.Recorded.Peak.Value)}
	}
	success, others := AtMost, AtLeast
	if fewer {
		success, others = AtLeast, AtMost
	}
	if p.Budget > 0 { // more successes would have paid for more retries
		others = NotKnown
	}
	for i, figure := range f.list() {
		switch {
		case i == 0:
			figure.Bound = success
		case others == NotKnown:
			*figure = Figure{Bound: NotKnown}
		default:
			figure.Bound = others
		}
	}
	return nil
}

// incidents is how many separate times there were in which more failed than usual: minutes apart, each with clearly
// more failures than the median minute.
func (l *Log) incidents() int {
	perMinute := map[int]int{}
	last := 0
	for _, c := range l.calls {
		perMinute[int(c.at/60)]++
		last = max(last, int(c.at/60))
	}
	minutes := max(last+1, int(float64(l.blocks)*l.length/60))
	counts := make([]int, 0, len(perMinute))
	for _, n := range perMinute {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	median := 0.0
	if quiet := minutes - len(counts); minutes/2 >= quiet && len(counts) > 0 {
		median = float64(counts[min(minutes/2-quiet, len(counts)-1)])
	}
	many := median + 4*math.Sqrt(median+1)
	list := make([]int, 0, len(perMinute))
	for minute, n := range perMinute {
		if float64(n) > many {
			list = append(list, minute)
		}
	}
	slices.Sort(list)
	n := 0
	for i, minute := range list {
		if i == 0 || minute > list[i-1]+2 {
			n++
		}
	}
	return n
}
