package replay

import (
	"math"
	"sort"
)

// Evidence is what a log tells about an attempt that was not made: how many of those that were made at the same moment
// succeeded, how likely it is that the operation could not succeed at all, and, after the last attempt of an operation,
// how many others of its error type recovered at that age.
type evidence struct {
	first   *flow
	at      []float64 // when attempts of operations that failed at first began, sorted
	n, good []float64 // sums up to each, of all and of those that succeeded, without what is stuck
	overall float64   // the share of all that succeeded
	curves  map[string]*curve
}

// attempted is one attempt for evidence.
type attempted struct {
	at   float64
	call int
	good bool
}

// rounds of estimating by turns what is stuck and what succeeds otherwise.
const rounds = 12

// newEvidence estimates. An operation whose own attempts all failed either met bad times, or is stuck: a request that
// no attempt could save. Its failures in good times tell; so both are estimated by turns (expectation-maximization).
func newEvidence(s *site) *evidence {
	e := &evidence{first: s.first}
	var list []attempted
	for i, c := range s.calls {
		for _, a := range c.Attempts {
			if a.Number == 1 || !c.final() || a.Number < c.Last().Number { // a final answer is an answer
				list = append(list, attempted{c.at + a.Begin.Seconds(), i, !a.Failed})
			}
		}
		c.stuck = 0
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].at < list[j].at })
	e.at = make([]float64, len(list))
	for i := range list {
		e.at[i] = list[i].at
	}
	kinds := map[string]float64{} // how many of an error type are stuck
	for round := range rounds {
		e.weigh(s, list)
		total := s.first.until(math.Inf(1)) + float64(len(s.calls))
		free := map[string]float64{} // likewise that failed at first and are not stuck
		allFree := 0.0
		for _, c := range s.calls {
			free[c.kind] += 1 - c.stuck
			allFree += 1 - c.stuck
		}
		next := map[string]float64{}
		for _, c := range s.calls {
			if !c.Last().Failed || c.final() {
				continue // it can be answered
			}
			chance := 1.0 // that all its attempts fail although it is not stuck
			for _, a := range c.Attempts {
				chance *= 1 - e.shareWithout(c, c.at+a.Begin.Seconds())
			}
			prior := 1 / total // one operation: what is stuck shows itself in few rounds, and what is not fades slowly
			if round > 0 {
				prior = kinds[c.kind] / total
			}
			chance *= (1 - prior) * free[c.kind] / max(allFree, 1e-9)
			c.stuck = prior / (prior + chance)
			next[c.kind] += c.stuck
		}
		kinds = next
	}
	e.weigh(s, list)
	e.curves = curvesOf(s)
	return e
}

// weigh sums up the attempts, each as far as its operation is not stuck.
func (e *evidence) weigh(s *site, list []attempted) {
	e.n, e.good = make([]float64, len(list)+1), make([]float64, len(list)+1)
	for i, a := range list {
		w := 1 - s.calls[a.call].stuck
		e.n[i+1], e.good[i+1] = e.n[i]+w, e.good[i]
		if a.good {
			e.good[i+1] += w
		}
	}
	firsts := e.first.until(math.Inf(1))
	e.overall = (firsts + e.good[len(list)]) / max(firsts+e.n[len(list)], 1e-9)
}

// The attempts around a moment are those within narrowest seconds, or further away until there are enough.
const (
	narrowest = 0.25
	widest    = 20.0
	enough    = 8
)

// share is the share of the attempts around a moment that succeeded.
func (e *evidence) share(at float64) float64 { return e.around(at, 0, nil) }

// shareWithout leaves out the attempts of c.
func (e *evidence) shareWithout(c *call, at float64) float64 { return e.around(at, 1-c.stuck, c) }

func (e *evidence) around(at, weight float64, without *call) float64 {
	for h := narrowest; ; h *= 1.6 {
		from := sort.SearchFloat64s(e.at, at-h)
		to := from + sort.Search(len(e.at)-from, func(i int) bool { return e.at[from+i] > at+h })
		firsts := e.first.between(at-h, at+h)
		n, good := firsts+e.n[to]-e.n[from], firsts+e.good[to]-e.good[from]
		if without != nil {
			for _, a := range without.Attempts {
				if math.Abs(without.at+a.Begin.Seconds()-at) <= h {
					n -= weight
					if !a.Failed {
						good -= weight
					}
				}
			}
		}
		if n >= enough || h > widest {
			switch {
			case without != nil: // few successes are no proof that nothing could fail
				return max(0, min((good+0.5)/(n+1), 1))
			case n < 1:
				return e.overall
			}
			return max(0, min(good/n, 1))
		}
	}
}

// A curve is the share of operations that have not succeeded up to each age (Kaplan-Meier). An operation that gave up
// is known up to its last attempt, and not counted after it.
type curve struct {
	ages, alive []float64
	oldest      float64 // age at which an attempt was seen
}

// golden spreads the ages of successes evenly between the failed attempt before and the one that succeeded, since the
// operation might have succeeded at any time between.
const golden = 0.6180339887498949

func curvesOf(s *site) map[string]*curve {
	type known struct {
		age  float64
		good bool
	}
	byKind := map[string][]known{}
	curves := map[string]*curve{}
	for i, c := range s.calls {
		last := c.Last()
		k := known{last.Begin.Seconds(), !last.Failed}
		one := curves[c.kind]
		if one == nil {
			one = &curve{}
			curves[c.kind] = one
		}
		one.oldest = max(one.oldest, k.age)
		if c.final() {
			continue
		}
		if k.good && len(c.Attempts) > 1 {
			before := c.Attempts[len(c.Attempts)-2].Begin.Seconds()
			_, part := math.Modf(float64(i+1) * golden)
			k.age = before + (k.age-before)*part
		}
		byKind[c.kind] = append(byKind[c.kind], k)
	}
	for kind, list := range byKind {
		sort.SliceStable(list, func(i, j int) bool { return list[i].age < list[j].age })
		one, alive := curves[kind], 1.0
		for i, k := range list {
			if k.good {
				alive *= 1 - 1/float64(len(list)-i)
				one.ages, one.alive = append(one.ages, k.age), append(one.alive, alive)
			}
		}
	}
	return curves
}

// until is the share that has not succeeded at an age.
func (c *curve) until(age float64) float64 {
	i := sort.Search(len(c.ages), func(i int) bool { return c.ages[i] > age })
	if i == 0 {
		return 1
	}
	return c.alive[i-1]
}

// between is the chance to succeed up to one age when it had not happened up to another.
func (c *curve) between(from, to float64) float64 {
	before := c.until(from)
	if before <= 0 {
		return 1
	}
	return 1 - c.until(to)/before
}
