package replay

import (
	"math"

	"github.com/backspan/backspan/internal/semconv"
)

// Figures are what is said of a policy.
type Figures struct {
	Operations float64 `json:"operations"`
	Success    Figure  `json:"success_rate"`          // from 0 to 1
	Calls      Figure  `json:"calls_per_operation"`   // attempts
	P50        Figure  `json:"p50_seconds"`           // of the whole operation, also of one that was given up
	P95        Figure  `json:"p95_seconds"`           //
	P99        Figure  `json:"p99_seconds"`           //
	Waiting    Figure  `json:"waiting_seconds"`       // of all operations together
	Peak       Figure  `json:"peak_calls_per_second"` // attempts begun in the busiest second
	Wasted     Figure  `json:"wasted_calls"`          // failed attempts
}

// A Figure is one number, and between which it lies in 95 of 100 cases.
type Figure struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Bound string  `json:"bound,omitempty"` // AtMost or AtLeast: it is no estimate, but a bound
}

// What a Figure is that is no estimate. The bound is its value, as exact as its interval says.
const (
	AtMost   = "at most"
	AtLeast  = "at least"
	NotKnown = "unknown" // it has no value
)

// Text is the figure, as show writes numbers, with its sign when it is a bound.
func (f Figure) Text(show func(float64) string) string {
	switch f.Bound {
	case AtMost:
		return "≤ " + show(f.Value)
	case AtLeast:
		return "≥ " + show(f.Value)
	case NotKnown:
		return "unknown"
	}
	return show(f.Value)
}

// Interval is that of the figure, as show writes numbers; empty when there is no value, or no width.
func (f Figure) Interval(show func(float64) string) string {
	if low, high := show(f.Low), show(f.High); f.Bound != NotKnown && low != high {
		return low + " to " + high
	}
	return ""
}

// list is the figures in their order.
func (f *Figures) list() []*Figure {
	return []*Figure{&f.Success, &f.Calls, &f.P50, &f.P95, &f.P99, &f.Waiting, &f.Peak, &f.Wasted}
}

// Lengths are counted in bins, 16 for each factor of 2, from 1 µs on.
const (
	binsPerOctave = 16
	bins          = 40 * binsPerOctave
)

// binWidth is by how much the end of a bin is longer than its begin.
var binWidth = math.Pow(2, 1.0/binsPerOctave)

// A block is what happened to the operations that began in one stretch of time.
type block struct {
	n, good, calls, wasted, waiting, peak float64
	count                                 [bins]float32
	sum                                   [bins]float32 // of the lengths
}

func (b *block) add(length float64, good bool, calls, wasted int, waiting float64) {
	b.n++
	if good {
		b.good++
	}
	b.calls += float64(calls)
	b.wasted += float64(wasted)
	b.waiting += waiting
	b.length(length, 1)
}

func binOf(seconds float64) int {
	return max(0, min(int(binsPerOctave*math.Log2(max(seconds, 1e-6)/1e-6)), bins-1))
}

func (b *block) length(seconds, n float64) {
	i := binOf(seconds)
	b.count[i] += float32(n)
	b.sum[i] += float32(n * seconds)
}

func copyBlocks(list []*block) []*block {
	copied := make([]*block, len(list))
	for i, b := range list {
		one := *b
		copied[i] = &one
	}
	return copied
}

// merge adds o, which began at another time.
func (b *block) merge(o *block) {
	b.n += o.n
	b.good += o.good
	b.calls += o.calls
	b.wasted += o.wasted
	b.waiting += o.waiting
	b.peak = max(b.peak, o.peak)
	for i, n := range o.count {
		if n > 0 {
			b.count[i] += n
			b.sum[i] += o.sum[i]
		}
	}
}

func (b *block) quantile(q float64) float64 {
	rank, seen := q*b.n, 0.0
	for i, n := range b.count {
		if seen += float64(n); n > 0 && seen >= rank-1e-6 {
			return float64(b.sum[i] / n)
		}
	}
	return 0
}

// values are the figures of a block, in the order of Figures.list.
func (b *block) values() [8]float64 {
	n := max(b.n, 1e-9)
	return [8]float64{
		b.good / n, b.calls / n, b.quantile(0.50), b.quantile(0.95), b.quantile(0.99), b.waiting, b.peak, b.wasted,
	}
}

func figuresOf(blocks []*block) Figures {
	all := &block{}
	for _, b := range blocks {
		all.merge(b)
	}
	f := Figures{Operations: all.n}
	for i, v := range all.values() {
		*f.list()[i] = Figure{Value: v, Low: v, High: v}
	}
	return f
}

// firstBlocks are the operations that succeeded at their first attempt, without peaks.
func (l *Log) firstBlocks() []*block {
	blocks := make([]*block, l.blocks)
	for i := range blocks {
		blocks[i] = &block{}
	}
	for _, s := range l.sites {
		lengths, n := make([]float64, semconv.DurationBuckets), 0.0
		for _, t := range s.tallies { // what is known of this window goes to the block that it ends in
			b := blocks[l.block(l.seconds(t.End))]
			for _, c := range t.Durations {
				b.length(lengthOf(c.Length), float64(c.N))
				lengths[c.Length] += float64(c.N)
				n += float64(c.N)
			}
		}
		for _, t := range s.tallies { // one that lacks lengths has those of the others
			for i := 0; t.Durations == nil && i < len(lengths); i++ {
				if share := lengths[i] / max(n, 1); share > 0 {
					blocks[l.block(l.seconds(t.End))].length(lengthOf(i), share*float64(t.Successes))
				}
			}
			n := float64(t.Successes)
			b := blocks[l.block(l.seconds(t.End))]
			b.n, b.good, b.calls = b.n+n, b.good+n, b.calls+n
		}
	}
	return blocks
}

// widthAt is the factor to which a length is known: a bin, and half a length of a tally more where tallies are most of
// what is as long.
func (l *Log) widthAt(seconds float64) float64 {
	tallied, calls := 0.0, 0.0
	for i := max(0, binOf(seconds)-1); i <= min(binOf(seconds)+1, bins-1); i++ {
		for _, b := range l.base {
			tallied += float64(b.count[i])
		}
	}
	for _, c := range l.calls {
		if took := c.Took.Seconds(); took > seconds/binWidth && took < seconds*binWidth {
			calls++
		}
	}
	if tallied > calls {
		return binWidth * math.Pow(2, 0.25)
	}
	return binWidth
}

// lengthOf stands for a length of a tally: the geometric middle of its bounds.
func lengthOf(i int) float64 {
	from, to := semconv.DurationBounds(i)
	return math.Sqrt(max(from.Seconds(), to.Seconds()/2) * to.Seconds())
}

// peaks finds the busiest second of each block. seconds are the attempts beside the first ones that succeeded.
func (l *Log) peaks(blocks []*block, seconds map[int]float64) {
	busy := func(second int) {
		calls := seconds[second]
		for _, s := range l.sites {
			calls += s.first.between(float64(second), float64(second)+1)
		}
		b := blocks[l.block(float64(second))]
		b.peak = max(b.peak, calls)
	}
	for second := range seconds {
		busy(second)
	}
	for _, s := range l.sites {
		for _, k := range s.first.knots {
			busy(int(k.at))
		}
	}
}

// count counts what was recorded.
func (l *Log) count() []*block {
	blocks, seconds := copyBlocks(l.base), map[int]float64{}
	for _, c := range l.calls {
		wasted, waited := 0, 0.0
		for _, a := range c.Attempts {
			seconds[int(c.at+a.Begin.Seconds())]++
			waited += a.Wait.Seconds()
			if a.Failed {
				wasted++
			}
		}
		waited += max(0, c.Took-c.Last().End()).Seconds() // in a wait that was cut short
		blocks[l.block(c.at)].add(c.Took.Seconds(), !c.Last().Failed, len(c.Attempts), wasted, waited)
	}
	l.peaks(blocks, seconds)
	return blocks
}
