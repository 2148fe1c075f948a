package semconv

import (
	"math"
	"time"
)

// DurationBuckets is how many lengths the durations of an operation_tally tell apart. Length i begins at 1ms times the
// i-th power of √2; what is shorter is length 0, and what takes an hour or longer the last.
const DurationBuckets = 45

// durationEnds are where the lengths end; the last has no end.
var durationEnds = func() (ends [DurationBuckets - 1]time.Duration) {
	for i := range ends {
		ends[i] = time.Duration(math.Round(float64(time.Millisecond) * math.Pow(2, float64(i+1)/2)))
	}
	ends[len(ends)-1] = time.Hour // the last whole power of √2 is a little beyond
	return ends
}()

// DurationBucket is the length that d has.
func DurationBucket(d time.Duration) int {
	low, high := 0, DurationBuckets-1
	for low < high {
		if middle := (low + high) / 2; d < durationEnds[middle] {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// DurationBounds is from where to where length i reaches. The last one, which has no end, is as wide as the others.
func DurationBounds(i int) (from, to time.Duration) {
	if i > 0 {
		from = durationEnds[i-1]
	}
	if i < len(durationEnds) {
		return from, durationEnds[i]
	}
	return from, time.Duration(float64(from) * math.Sqrt2)
}
