package eventquery

import (
	"sync/atomic"

	"github.com/backspan/backspan/events"
)

// A room is how many bytes one question may still remember of what a log can hold without end, names above all. It can
// be used from many goroutines.
type room struct{ left atomic.Int64 }

// Others is the name that all names share that found no room. None is spelled like it in a log, where they have quotes.
const Others = "(others)"

func newRoom(bytes int64) *room {
	r := new(room)
	r.left.Store(bytes)
	return r
}

// name returns the key for an entry of size bytes beside its name: Others if there is no room.
func (r *room) name(name events.Value, size int) string {
	n := int64(size + len(name))
	if r.left.Add(-n) >= 0 {
		return string(name)
	}
	r.left.Add(n)
	return Others
}

// leave gives back what name took.
func (r *room) leave(name string, size int) {
	if name != Others {
		r.left.Add(int64(size + len(name)))
	}
}
