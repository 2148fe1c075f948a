package retry

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/backspan/backspan/internal/semconv"
)

// A firstSuccess has the attributes of an operation that succeeds at its first attempt. They are the same each time,
// so they are kept: to make them takes as long as an eighth of all that the SDK does for the two spans.
//
// That is done for spans of the SDK only. Others may change the list that they are given: attribute.NewSet sorts it.
//
// Nothing here grows with what programs do. There are a fixed number of slots, and what has a long name or session is
// not kept.
type firstSuccess struct {
	said               said
	operation, attempt attributeSet
}

// said is what those attributes come from.
type said struct {
	name, session, phase string
	dryRun               bool
}

// A slot keeps the firstSuccess of one operation. What misses its slot takes it only when it was also the last to miss
// there. Otherwise names and sessions that occur once, and two operations that share a slot, would make attributes to
// keep at each call, for nobody.
type slot struct {
	kept   atomic.Pointer[firstSuccess]
	missed atomic.Uint64 // the hash of what missed last
}

const (
	slots       = 64
	maxKeptText = 512 // of name, session and phase together
)

var (
	firstSuccesses [slots]slot
	slotSeed       = maphash.MakeSeed()
)

// firstSuccess returns the attributes of o, which has succeeded at first; nil when they are not known.
func (o *operation) firstSuccess() *firstSuccess {
	if !o.spans.layers.SDK {
		return nil
	}
	around := o.spans.layers.Frame()
	what := said{o.current.Operation, around.Session, around.Phase, around.DryRun}
	hash := maphash.String(slotSeed, what.name) + maphash.String(slotSeed, what.phase)
	s := &firstSuccesses[hash%slots]
	if f := s.kept.Load(); f != nil && f.said == what {
		return f
	}
	hash += maphash.String(slotSeed, what.session)
	if s.missed.Swap(hash) == hash && len(what.name)+len(what.session)+len(what.phase) <= maxKeptText {
		s.kept.Store(o.newFirstSuccess(what))
	}
	return nil
}

func (o *operation) newFirstSuccess(what said) *firstSuccess {
	for _, text := range []*string{&what.name, &what.session, &what.phase} {
		*text = strings.Clone(*text) // it may be a part of a much longer one
	}
	return &firstSuccess{
		said:      what,
		operation: o.finalAttributes(semconv.OutcomeSuccess, nil).kept(),
		attempt:   o.attemptAttributes().kept(),
	}
}
