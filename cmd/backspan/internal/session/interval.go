package session

import (
	"cmp"
	"slices"
	"time"
)

// An interval is a stretch of time. to is not before from.
type interval struct{ from, to time.Time }

// merge sorts list, which it may change, and joins what overlaps or touches.
func merge(list []interval) []interval {
	slices.SortFunc(list, func(a, b interval) int {
		return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to))
	})
	var merged []interval
	for _, v := range list {
		if n := len(merged); n > 0 && !merged[n-1].to.Before(v.from) {
			if v.to.After(merged[n-1].to) {
				merged[n-1].to = v.to
			}
			continue
		}
		merged = append(merged, v)
	}
	return merged
}

// subtract returns the parts of a that are not in b; both have been merged, and so is what it returns.
func subtract(a, b []interval) (rest []interval) {
	for _, v := range a {
		for len(b) > 0 && !b[0].to.After(v.from) {
			b = b[1:]
		}
		for _, hole := range b {
			if !hole.from.Before(v.to) {
				break
			}
			if hole.from.After(v.from) {
				rest = append(rest, interval{v.from, hole.from})
			}
			v.from = hole.to
		}
		if v.from.Before(v.to) {
			rest = append(rest, v)
		}
	}
	return rest
}

// total is how long a merged list lasts.
func total(list []interval) (sum time.Duration) {
	for _, v := range list {
		sum += v.to.Sub(v.from)
	}
	return sum
}
