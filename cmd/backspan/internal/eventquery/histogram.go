package eventquery

import (
	"math"
	"slices"
)

// A histogram counts lengths in buckets that are 1/128 of a power of two wide, so that the mean of what is in a bucket
// is within 0.8 % of each, and exact where all are the same.
type histogram struct {
	buckets map[uint32]*bucket
	n       int64
	lost    bool // there was no budget for a bucket: nothing can be said
}

// bucketBits is how many of the lowest bits of a number's 52 binary places do not matter.
const bucketBits = 52 - 7

type bucket struct {
	n   int64
	sum float64
}

// bucketSize is what a bucket takes of the budget, about.
const bucketSize = 70

// maxLength is in seconds. Longer ones, and negative ones, are damage.
const maxLength = 1e9

func (h *histogram) add(budget *memoryBudget, seconds float64) {
	if !(seconds >= 0 && seconds <= maxLength) {
		return
	}
	i := uint32(math.Float64bits(math.Abs(seconds)) >> bucketBits) // -0 is 0
	b := h.buckets[i]
	if b == nil {
		if !budget.take(bucketSize) {
			h.lost = true
			return
		}
		if h.buckets == nil {
			h.buckets = map[uint32]*bucket{}
		}
		b = new(bucket)
		h.buckets[i] = b
	}
	b.n++
	b.sum += seconds
	h.n++
}

// Quantiles are lengths in seconds of which 50, 95 and 99 of a hundred are no longer, within 1 %.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

// quantiles is nil when nothing is known.
func (h *histogram) quantiles() *Quantiles {
	if h.lost || h.n == 0 {
		return nil
	}
	order := make([]uint32, 0, len(h.buckets))
	for i := range h.buckets {
		order = append(order, i)
	}
	slices.Sort(order)
	at := func(q float64) float64 {
		rank, seen := int64(math.Ceil(q*float64(h.n))), int64(0)
		for _, i := range order {
			b := h.buckets[i]
			if seen += b.n; seen >= rank {
				return b.sum / float64(b.n)
			}
		}
		return 0
	}
	return &Quantiles{h.n, at(0.50), at(0.95), at(0.99)}
}

// merge adds what o counted.
func (h *histogram) merge(o *histogram) {
	if h.buckets == nil && len(o.buckets) > 0 {
		h.buckets = make(map[uint32]*bucket, len(o.buckets))
	}
	for i, b := range o.buckets {
		if known := h.buckets[i]; known != nil {
			b = &bucket{known.n + b.n, known.sum + b.sum}
		}
		h.buckets[i] = b
	}
	h.n += o.n
	h.lost = h.lost || o.lost
}
