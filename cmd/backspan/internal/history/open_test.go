package history

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Calls that come and go in any order are found as in a plain list of them: the one that fits best, and of two that fit
// alike the older.
func TestOpenCallsAreFound(t *testing.T) {
	type known struct {
		name int
		last Sighting
	}
	random := rand.New(rand.NewPCG(1, 1))
	var open Open[int]
	var model []known
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for name := range 20_000 {
		at = at.Add(time.Duration(random.IntN(3)) * time.Second)
		// Four keys in two buckets.
		s := Sighting{Number: 1, Begin: at, End: at, Key: uint64(random.IntN(2)) + uint64(random.IntN(2))*allBuckets}
		if random.IntN(2) == 0 || len(model) > 200 {
			s.Number = int64(2 + random.IntN(2))
			s.Delay = time.Duration(random.IntN(4)) * time.Second
			best := -1
			gap := func(k known) time.Duration { return s.Begin.Sub(k.last.End.Add(s.Delay)).Abs() }
			for i, k := range model {
				if k.last.Key == s.Key && k.last.Number == s.Number-1 && (best < 0 || gap(k) < gap(model[best])) {
					best = i
				}
			}
			c := open.Of(s)
			if (c == nil) != (best < 0) || c != nil && c.Of != model[best].name {
				t.Fatalf("%+v: found %+v, want call %d of %+v", s, c, best, model)
			}
			if c == nil {
				continue
			}
			if s.Number == 2 && random.IntN(3) == 0 {
				c.Last, model[best].last = s, s
				continue
			}
			open.End(c)
			model = slices.Delete(model, best, best+1)
			continue
		}
		open.Start(name, s)
		model = append(model, known{name: name, last: s})
	}
	var left []int
	open.Forgotten = func(c *Call[int]) { left = append(left, c.Of) }
	open.EndAll()
	var want []int
	for _, k := range model {
		want = append(want, k.name)
	}
	if len(want) == 0 || !slices.Equal(left, want) {
		t.Errorf("at the end %d calls are open, want %d, the oldest first", len(left), len(want))
	}
}

// What is kept is bounded: the oldest calls are forgotten, be they open or long ended.
func TestOpenCallsAreBounded(t *testing.T) {
	var open Open[int]
	var forgotten []int
	open.Forgotten = func(c *Call[int]) { forgotten = append(forgotten, c.Of) }
	for i := range maxOpen + 3 {
		open.Start(i, Sighting{Number: 1, Key: uint64(i) * 7})
	}
	if !slices.Equal(forgotten, []int{0, 1, 2}) {
		t.Errorf("%v were forgotten, want the first three", forgotten)
	}
	for i := range 3 * maxOpen {
		other := 1<<40 + uint64(i)
		open.Start(-1, Sighting{Number: 1, Key: other})
		open.End(open.Of(Sighting{Number: 2, Key: other}))
	}
	if len(open.calls) > maxOpen+2 || len(open.order) > 2*maxOpen || len(forgotten) != maxOpen+3 {
		t.Errorf("%d places, %d in order, %d forgotten", len(open.calls), len(open.order), len(forgotten))
	}
}
