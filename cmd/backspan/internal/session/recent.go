package session

import "slices"

// maxHeld bounds what is held of a file, in bytes, roughly: 100,000 spans as Backspan writes them are two thirds of it.
// A few kilobytes that were compressed may hold millions of spans. Tests make it smaller.
var maxHeld = 256 << 20

// A recent holds what was added to it, and when that is more than maxHeld, only the newest.
type recent[T any] struct {
	cost    func(*T) int   // bytes, those of what is made of it included
	share   func() float64 // of the input that was read; nil: nobody knows
	items   []T
	held    int // bytes
	dropped int // items
}

func (r *recent[T]) add(item T) {
	if len(r.items) == cap(r.items) {
		r.items = slices.Grow(r.items, r.room())
	}
	r.items = append(r.items, item)
	r.held += r.cost(&r.items[len(r.items)-1]) // &item would be an item on the heap for each
	if r.held <= maxHeld {
		return
	}
	n := 0
	for ; n < len(r.items)-1 && r.held > maxHeld/4*3; n++ { // a quarter at once, as the rest has to be moved
		r.held -= r.cost(&r.items[n])
	}
	r.items = slices.Delete(r.items, 0, n)
	r.dropped += n
}

// room is for how many more items there should be room: append makes room for a quarter more, and so would copy a large
// slice five times. Where it is known how much is still to be read there is as much room as that takes, and none is
// copied. That took a tenth off the time of show --list.
func (r *recent[T]) room() int {
	n := len(r.items)
	if r.share == nil || n < 1000 {
		return max(16, n)
	}
	share := r.share()
	if share <= 0 || share >= 1 { // of a compressed file more is read than there is
		return n
	}
	all := float64(n) * min(1/share, float64(maxHeld)/float64(r.held))
	return max(n/8, int(1.02*all)-n)
}
