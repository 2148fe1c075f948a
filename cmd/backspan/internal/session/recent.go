package session

import "slices"

// maxHeld bounds what is held of a file, in bytes, roughly: 100,000 spans as Backspan writes them are two thirds of it.
// A few kilobytes that were compressed may hold millions of spans. Tests make it smaller.
var maxHeld = 256 << 20

// A recent holds what was added to it, and when that is more than maxHeld, only the newest.
type recent[T any] struct {
	cost    func(*T) int // bytes, those of what is made of it included
	items   []T
	held    int // bytes
	dropped int // items
}

func (r *recent[T]) add(item T) {
	if len(r.items) == cap(r.items) { // append grows a large slice by a quarter only, and so copies it five times
		r.items = slices.Grow(r.items, max(16, len(r.items)))
	}
	r.items = append(r.items, item)
	r.held += r.cost(&item)
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
