package eventquery

import (
	"sync/atomic"

	"github.com/backspan/backspan/events"
)

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

// name returns the key for an entry of size bytes beside its name: Others if there is no budget.
func (b *memoryBudget) name(name events.Value, size int) string {
	n := int64(size + len(name))
	if b.left.Add(-n) >= 0 {
		return string(name)
	}
	b.left.Add(n)
	return Others
}

// leave gives back what name took.
func (b *memoryBudget) leave(name string, size int) {
	if name != Others {
		b.left.Add(int64(size + len(name)))
	}
}
