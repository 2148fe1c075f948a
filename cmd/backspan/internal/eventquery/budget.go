package eventquery

import "sync/atomic"

// A memoryBudget is how many bytes one query may still keep of what has no limit in a log, names above all. It can be
// used from many goroutines.
type memoryBudget struct{ left atomic.Int64 }

// Others is the name that all names share that found no budget. None is spelled like it in a log, where they have
// quotes.
const Others = "(others)"

func newBudget(bytes int64) *memoryBudget {
	b := new(memoryBudget)
	b.left.Store(bytes)
	return b
}

// take takes n bytes, if there are so many.
func (b *memoryBudget) take(n int) bool {
	if b.left.Add(int64(-n)) >= 0 {
		return true
	}
	b.give(n)
	return false
}

// give gives back what take took.
func (b *memoryBudget) give(n int) { b.left.Add(int64(n)) }

// name returns the key for an entry of size bytes beside its name: Others if there is no budget.
func (b *memoryBudget) name(name []byte, size int) string {
	if b.take(size + len(name)) {
		return string(name)
	}
	return Others
}

// leave gives back what name took.
func (b *memoryBudget) leave(name string, size int) {
	if name != Others {
		b.give(size + len(name))
	}
}
