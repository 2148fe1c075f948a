package replay

import (
	"sort"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
)

// A flow is how many operations that succeeded at their first attempt began up to each moment, in seconds since the
// log's origin. Their tallies know it for windows only; within one it is spread.
type flow struct{ knots []knot }

// Between two knots the flow is even.
type knot struct{ at, sum float64 }

// A piece of a flow is n operations, evenly from one moment to another.
type piece struct{ from, to, n float64 }

// The pieces that a window is spread over are not shorter than leastPiece, in seconds, and not more than mostPieces.
const (
	leastPiece = 0.25
	mostPieces = 40
)

// spread is the pieces of a window with n successes. failed are the times in it at which first attempts began that
// failed. Who calls does not know yet what will fail: so all first attempts are taken to come evenly, and the successes
// fill the gaps that the failures leave. An outage that ends within a window is not filled with successes.
func spread(from, to, n float64, failed []float64) []piece {
	to = max(to, from+0.001)
	all := n + float64(len(failed))
	count := int(min(all/3, (to-from)/leastPiece, mostPieces))
	if len(failed) == 0 || count < 2 {
		return []piece{{from, to, n}}
	}
	width := (to - from) / float64(count)
	room := make([]float64, count)
	for i := range room {
		room[i] = all / float64(count)
	}
	for _, at := range failed {
		room[min(int((at-from)/width), count-1)]--
	}
	total := 0.0
	for i := range room {
		room[i] = max(0, room[i])
		total += room[i]
	}
	pieces := make([]piece, 0, count)
	for i, r := range room {
		if r > 0 {
			begin := from + float64(i)*width
			pieces = append(pieces, piece{begin, begin + width, n * r / total})
		}
	}
	return pieces
}

func newFlow(pieces []piece) *flow {
	type change struct{ at, rate float64 }
	changes := make([]change, 0, 2*len(pieces))
	for _, p := range pieces {
		rate := p.n / (p.to - p.from)
		changes = append(changes, change{p.from, rate}, change{p.to, -rate})
	}
	sort.SliceStable(changes, func(i, j int) bool { return changes[i].at < changes[j].at })
	f := &flow{}
	sum, rate, last := 0.0, 0.0, 0.0
	for _, c := range changes {
		sum += max(0, rate) * (c.at - last)
		rate += c.rate
		if last = c.at; len(f.knots) > 0 && f.knots[len(f.knots)-1].at == c.at {
			continue
		}
		f.knots = append(f.knots, knot{c.at, sum})
	}
	return f
}

// until is how many began before t.
func (f *flow) until(t float64) float64 {
	i := sort.Search(len(f.knots), func(i int) bool { return f.knots[i].at > t })
	if i == 0 {
		return 0
	}
	last := f.knots[i-1]
	if i == len(f.knots) {
		return last.sum
	}
	next := f.knots[i]
	return last.sum + (next.sum-last.sum)*(t-last.at)/(next.at-last.at)
}

func (f *flow) between(from, to float64) float64 { return f.until(to) - f.until(from) }

// piecesOf spreads the tallies, each over its window with the first attempts of the same process that failed.
func (l *Log) piecesOf(tallies []*history.Tally, failed map[process][]float64) []piece {
	var pieces []piece
	for _, t := range tallies {
		from, to := l.seconds(t.Begin), l.seconds(t.End)
		list := failed[process{t.Service, t.Host, t.PID}]
		low := sort.SearchFloat64s(list, from)
		high := sort.SearchFloat64s(list, to)
		pieces = append(pieces, spread(from, to, float64(t.Successes), list[low:high])...)
	}
	return pieces
}
