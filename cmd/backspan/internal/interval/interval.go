// Package interval counts time in which things overlap.
package interval

import (
	"cmp"
	"slices"
	"time"
)

// An Interval is a stretch of time. To is not before From.
type Interval struct{ From, To time.Time }

// Merge sorts list, which it may change, and joins what overlaps or touches.
func Merge(list []Interval) []Interval {
	slices.SortFunc(list, func(a, b Interval) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To))
	})
	var merged []Interval
	for _, v := range list {
		if n := len(merged); n > 0 && !merged[n-1].To.Before(v.From) {
			if v.To.After(merged[n-1].To) {
				merged[n-1].To = v.To
			}
			continue
		}
		merged = append(merged, v)
	}
	return merged
}

// Subtract returns the parts of a that are not in b; both have been merged, and so is what it returns.
func Subtract(a, b []Interval) (rest []Interval) {
	for _, v := range a {
		for len(b) > 0 && !b[0].To.After(v.From) {
			b = b[1:]
		}
		for _, hole := range b {
			if !hole.From.Before(v.To) {
				break
			}
			if hole.From.After(v.From) {
				rest = append(rest, Interval{v.From, hole.From})
			}
			v.From = hole.To
		}
		if v.From.Before(v.To) {
			rest = append(rest, v)
		}
	}
	return rest
}

// Total is how long a merged list lasts.
func Total(list []Interval) (sum time.Duration) {
	for _, v := range list {
		sum += v.To.Sub(v.From)
	}
	return sum
}
