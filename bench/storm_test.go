package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
)

// A storm is a fleet of clients that call one server, which stalls for a while. The retries are those of package retry,
// on the clock of a bubble.
type storm struct {
	rate     float64 // operations a second that the clients begin together
	capacity float64 // requests a second that the server answers, one after the other
	clients  int     // processes, each with a budget of its own
	drops    bool    // the server drops a request whose caller has left; else it works on for nobody
	retries  int
	limit    func() limiter
}

// The times of a storm, in seconds.
const (
	stallFrom = 20
	stallTo   = 30
	stormEnds = 210
)

// A limiter is what one process does to bound its retries.
type limiter interface {
	policy(p retry.Policy) retry.Policy
	ended(err error, attempts int) // an operation has
}

// observed is what is seen of a storm, by the second.
type observed struct{ sent, succeeded [stormEnds]atomic.Int64 }

// A request waits for its answer until its caller leaves.
type request struct {
	answer chan struct{}
	left   atomic.Bool
}

// A queueingServer answers in the order of arrival.
type queueingServer struct {
	storm
	since time.Time
	mu    sync.Mutex
	queue []*request
	wake  chan struct{}
}

func (s *queueingServer) submit(r *request) {
	s.mu.Lock()
	if len(s.queue) < 100_000 {
		s.queue = append(s.queue, r)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next waits for the next request to work on.
func (s *queueingServer) next(ctx context.Context) *request {
	for {
		s.mu.Lock()
		for len(s.queue) > 0 {
			r := s.queue[0]
			s.queue = s.queue[1:]
			if !s.drops || !r.left.Load() {
				s.mu.Unlock()
				return r
			}
		}
		s.mu.Unlock()
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *queueingServer) serve(ctx context.Context) {
	for r := s.next(ctx); r != nil; r = s.next(ctx) {
		if at := time.Since(s.since).Seconds(); at >= stallFrom && at < stallTo {
			time.Sleep(time.Duration((stallTo - at) * float64(time.Second)))
		}
		time.Sleep(time.Duration(float64(time.Second) / s.capacity))
		close(r.answer)
	}
}

var errNoAnswer = errors.New("no answer in time")

// run lets the storm pass.
func (s storm) run(t *testing.T) *observed {
	seen := new(observed)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		server := &queueingServer{storm: s, since: time.Now(), wake: make(chan struct{}, 1)}
		var running sync.WaitGroup
		running.Go(func() { server.serve(ctx) })
		limits := make([]limiter, s.clients)
		for i := range limits {
			limits[i] = s.limit()
		}
		random := rand.New(rand.NewPCG(1, 2))
		for time.Since(server.since) < stormEnds*time.Second {
			limit := limits[random.IntN(s.clients)]
			running.Go(func() { s.operation(ctx, server, limit, seen) })
			time.Sleep(time.Duration(random.ExpFloat64() / s.rate * float64(time.Second)))
		}
		stop()
		running.Wait()
	})
	return seen
}

// operation is one call with its retries.
func (s storm) operation(ctx context.Context, server *queueingServer, limit limiter, seen *observed) {
	policy := limit.policy(retry.Policy{
		MaxRetries: s.retries, BaseDelay: 100 * time.Millisecond, MaxDelay: time.Second, Jitter: retry.FullJitter,
		AttemptTimeout: time.Second,
	})
	second := func() int { return min(int(time.Since(server.since).Seconds()), stormEnds-1) }
	attempts := 0
	err := retry.Do(ctx, "call", policy, func(ctx context.Context) error {
		attempts++
		seen.sent[second()].Add(1)
		r := &request{answer: make(chan struct{})}
		server.submit(r)
		select {
		case <-r.answer:
			return nil
		case <-ctx.Done():
			r.left.Store(true)
			return errNoAnswer
		}
	})
	if err == nil {
		seen.succeeded[second()].Add(1)
	}
	limit.ended(err, attempts)
}

// peak is the largest load from the stall on, in relation to the rate.
func (s storm) peak(seen *observed) float64 {
	most := int64(0)
	for i := stallFrom; i < stormEnds-5; i++ {
		most = max(most, seen.sent[i].Load())
	}
	return float64(most) / s.rate
}

// recovered is how long after the stall 90 % succeed again, for at least 5 seconds; ok is false when they never do.
func (s storm) recovered(seen *observed) (seconds int, ok bool) {
	good := 0
	for i := stallTo; i < stormEnds-1; i++ {
		if float64(seen.succeeded[i].Load()) < 0.9*s.rate {
			good = 0
		} else if good++; good == 5 {
			return i - 4 - stallTo, true
		}
	}
	return 0, false
}

// budgeted is our budget.
type budgeted struct{ budget *retry.Budget }

func newBudgeted() limiter {
	b, err := retry.NewBudget(retry.BudgetOptions{})
	if err != nil {
		panic(err)
	}
	return budgeted{b}
}

func (b budgeted) policy(p retry.Policy) retry.Policy { p.Budget = b.budget; return p }
func (budgeted) ended(error, int)                     {}

// unlimited bounds nothing.
type unlimited struct{}

func (unlimited) policy(p retry.Policy) retry.Policy { return p }
func (unlimited) ended(error, int)                   {}

// A bucket is a token bucket of others, asked before each retry.
type bucket struct {
	mu     sync.Mutex
	tokens float64
	most   float64
	cost   float64 // of a retry
	least  float64 // what has to be there for one
	first  float64 // what an operation that succeeds at first adds
	later  float64 // likewise at a retry
	fails  float64 // what each failed attempt takes
}

func (b *bucket) add(n float64) { b.tokens = math.Max(0, math.Min(b.most, b.tokens+n)) }

func (b *bucket) policy(p retry.Policy) retry.Policy {
	p.Retryable = func(error) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.add(-b.fails)
		if b.tokens < b.least {
			return false
		}
		b.tokens -= b.cost
		return true
	}
	return p
}

func (b *bucket) ended(err error, attempts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err != nil:
	case attempts == 1:
		b.add(b.first)
	default:
		b.add(b.later)
	}
}

// A share allows retries as a share of the operations of the last 10 seconds, and some a second in any case.
type share struct {
	mu            sync.Mutex
	ratio, second float64
	begun, spent  []time.Time
}

func (s *share) policy(p retry.Policy) retry.Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, time.Now())
	p.Retryable = func(error) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.begun, s.spent = lately(s.begun), lately(s.spent)
		if float64(len(s.begun))*s.ratio+s.second*10-float64(len(s.spent)) < 1 {
			return false
		}
		s.spent = append(s.spent, time.Now())
		return true
	}
	return p
}

func (*share) ended(error, int) {}

func lately(times []time.Time) []time.Time {
	for len(times) > 0 && time.Since(times[0]) > 10*time.Second {
		times = times[1:]
	}
	return times
}

var storms = []struct {
	name    string
	retries int
	limit   func() limiter
}{
	{"no retries", retry.Never, func() limiter { return unlimited{} }},
	{"no budget", 3, func() limiter { return unlimited{} }},
	{"20 % and 10 a second (Finagle, Linkerd)", 3, func() limiter { return &share{ratio: 0.2, second: 10} }},
	{"500 tokens, 5 each (AWS until 2026)", 3, func() limiter {
		return &bucket{tokens: 500, most: 500, cost: 5, least: 5, first: 1, later: 5}
	}},
	{"500 tokens, 14 each (AWS since)", 3, func() limiter {
		return &bucket{tokens: 500, most: 500, cost: 14, least: 14, first: 1, later: 14}
	}},
	{"throttle 10, 0.1 (gRPC)", 3, func() limiter {
		return &bucket{tokens: 10, most: 10, least: 5 + 1e-9, first: 0.1, later: 0.1, fails: 1}
	}},
	{"retry.Budget", 3, newBudgeted},
}

// Retries without a bound keep a server down that stalled; a budget lets it recover. The short form is a tenth of the
// load; BACKSPAN_FULL=1 prints the table of docs/scale.md (minutes).
func TestStorms(t *testing.T) {
	full := os.Getenv("BACKSPAN_FULL") != ""
	fleets, scale := []int{2}, 0.1
	if full {
		fleets, scale = []int{20, 400, 2000}, 1
	}
	var table strings.Builder
	for _, clients := range fleets {
		for _, drops := range []bool{false, true} {
			for _, c := range storms {
				ours, none := c.name == "retry.Budget", c.name == "no budget"
				if !full && !ours && !none {
					continue
				}
				s := storm{800 * scale, 1000 * scale, clients, drops, c.retries, c.limit}
				seen := s.run(t)
				seconds, ok := s.recovered(seen)
				after := "never"
				if ok {
					after = fmt.Sprintf("+%d s", seconds)
				}
				fmt.Fprintf(&table, "| %s | %d | %v | %.2f× | %s |\n", c.name, clients, drops, s.peak(seen), after)
				switch {
				case ours && !ok:
					t.Errorf("%s with %d clients, server drops: %v: it never recovers", c.name, clients, drops)
				case none && ok:
					t.Errorf("%s with %d clients: it recovers after %d s, and nobody needs a budget",
						c.name, clients, seconds)
				}
			}
		}
	}
	t.Logf("\n| bound | clients | server drops | peak load | recovers |\n|---|---|---|---|---|\n%s", &table)
}

// In quiet times a budget must not cost anything: requests that fail independently, one in five, are all retried.
func TestQuietTimes(t *testing.T) {
	for name, least := range map[string]float64{
		"no retries": 0.79, "throttle 10, 0.1 (gRPC)": 0.79, "retry.Budget": 0.995,
	} {
		for _, c := range storms {
			if c.name != name {
				continue
			}
			random := rand.New(rand.NewPCG(3, 4))
			limit := c.limit()
			succeeded, sent := 0, 0
			const operations = 20_000
			for range operations {
				policy := limit.policy(retry.Policy{MaxRetries: c.retries, BaseDelay: retry.NoDelay})
				if retry.Do(t.Context(), "call", policy, func(context.Context) error {
					if sent++; random.Float64() < 0.2 {
						return errNoAnswer
					}
					return nil
				}) == nil {
					succeeded++
				}
			}
			share, load := float64(succeeded)/operations, float64(sent)/operations
			t.Logf("%s: %.1f %% succeed with %.2f× the load", name, 100*share, load)
			if share < least || load > 1.26 {
				t.Errorf("%s: %.3f succeed with %.2f× the load, want %.3f with 1.26× at most", name, share, load, least)
			}
		}
	}
}
