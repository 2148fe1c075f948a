package session

import (
	"cmp"
	"slices"
	"time"
)

// An interval is a stretch of time, counted from the first time of its session. to is not before from. That is a third
// of the memory of two times, and sorted in a third of the time.
type interval struct{ from, to time.Duration }

// merge sorts list, which it may change, and joins what overlaps or touches.
func merge(list []interval) []interval {
	slices.SortFunc(list, func(a, b interval) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	var merged []interval
	for _, v := range list {
		if n := len(merged); n > 0 && merged[n-1].to >= v.from {
			merged[n-1].to = max(merged[n-1].to, v.to)
			continue
		}
		merged = append(merged, v)
	}
	return merged
}

// subtract returns the parts of a that are not in b; both have been merged, and so is what it returns.
func subtract(a, b []interval) (rest []interval) {
	for _, v := range a {
		for len(b) > 0 && b[0].to <= v.from {
			b = b[1:]
		}
		for _, hole := range b {
			if hole.from >= v.to {
				break
			}
			if hole.from > v.from {
				rest = append(rest, interval{v.from, hole.from})
			}
			v.from = hole.to
		}
		if v.from < v.to {
			rest = append(rest, v)
		}
	}
	return rest
}

// total is how long a merged list lasts.
func total(list []interval) (sum time.Duration) {
	for _, v := range list {
		sum += v.to - v.from
	}
	return sum
}
