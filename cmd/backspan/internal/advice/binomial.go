package advice

import "gonum.org/v1/gonum/mathext"

// confidence is that of the bounds that are printed.
const confidence = 0.95

// atMost is the probability that at most k of n trials succeed, each with probability p.
func atMost(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// atLeast is the probability that at least k of n trials succeed, each with probability p.
func atLeast(k, n int, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n:
		return 0
	}
	return mathext.RegIncBeta(float64(k), float64(n-k+1), p)
}

// upperBound is the highest share that is consistent with k of n: by Clopper and Pearson, one-sided. 0 of 214 still
// allows 1.4 %.
func upperBound(k, n int) float64 {
	if k >= n {
		return 1
	}
	return mathext.InvRegIncBeta(float64(k+1), float64(n-k), confidence)
}

// lowerBound is the lowest share that is consistent with k of n, likewise.
func lowerBound(k, n int) float64 {
	if k <= 0 || n <= 0 {
		return 0
	}
	return mathext.InvRegIncBeta(float64(k), float64(n-k+1), 1-confidence)
}
