package replay

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// A world is a server in a bubble that fails as its script says, and the operations that ask it. The same operation
// that asks at the same moment gets the same answer, whatever the policy: so what another policy would have done is a
// fact.
type world struct {
	name    string
	rate    float64 // operations per second
	seconds float64
	poison  float64                  // the share of operations that fail whatever is tried
	fails   func(at float64) float64 // the share of the others' attempts that fail
	asks    time.Duration            // what the server asks those to wait that it refuses while much fails
	surge   func(at float64) float64 // how many times the rate; nil: once
	holds   float64                  // how many times the rate the server answers; the rest fails. 0: any load
}

var (
	errBusy   = errors.New("503 service unavailable")
	errPoison = errors.New("500 this request cannot be served")
)

// chance is a number in [0,1) that belongs to an operation and a moment.
func chance(operation int, at float64, salt byte) float64 {
	h := fnv.New64a()
	n, ms := uint64(operation), uint64(at*1000)
	b := []byte{salt}
	for i := range 8 {
		b = append(b, byte(n>>(8*i)), byte(ms>>(8*i)))
	}
	_, _ = h.Write(b) // never fails
	return rand.New(rand.NewPCG(h.Sum64(), 1)).Float64()
}

// A server answers in the bubble.
type server struct {
	world
	since  time.Time
	mu     sync.Mutex
	lately []time.Time // of the last second
}

// load is the requests of the last second, this one included.
func (s *server) load() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for len(s.lately) > 0 && now.Sub(s.lately[0]) > time.Second {
		s.lately = s.lately[1:]
	}
	s.lately = append(s.lately, now)
	return float64(len(s.lately))
}

// answer is one attempt of an operation.
func (s *server) answer(operation int) error {
	at := time.Since(s.since).Seconds()
	share := 0.0
	if s.fails != nil {
		share = s.fails(at)
	}
	if s.holds > 0 {
		share = max(share, 1-s.holds*s.rate/s.load())
	}
	switch {
	case chance(operation, 0, 'p') < s.poison:
		time.Sleep(5 * time.Millisecond)
		return errPoison
	case chance(operation, at, 'f') < share:
		time.Sleep(5 * time.Millisecond)
		if s.asks > 0 && share > 0.1 {
			return retry.After(s.asks, errBusy)
		}
		return errBusy
	}
	time.Sleep(time.Duration((0.010 + 0.030*chance(operation, at, 'd')) * float64(time.Second)))
	return nil
}

// record runs all operations with a policy, a budget of its own for them if it has a capacity, and returns the log
// that telemetry wrote.
func (w world) record(t *testing.T, p Policy) *history.History {
	t.Helper()
	t.Setenv("BACKSPAN_SESSION", "")
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if p.Budget > 0 {
		b, err := retry.NewBudget(retry.BudgetOptions{Name: "server", Capacity: p.Budget})
		if err != nil {
			t.Fatal(err)
		}
		p.Retry.Budget = b
	}
	synctest.Test(t, func(t *testing.T) {
		tel, err := telemetry.Start(t.Context(), telemetry.Config{Service: "client", Events: path, Exporter: "none"})
		if err != nil {
			t.Fatal(err)
		}
		server := &server{world: w, since: time.Now()}
		ctx, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "test")
		random := rand.New(rand.NewPCG(1, uint64(w.rate)))
		var running sync.WaitGroup
		for i := 0; ; i++ {
			rate := w.rate
			at := time.Since(server.since).Seconds()
			if at >= w.seconds {
				break
			}
			if w.surge != nil {
				rate *= w.surge(at)
			}
			running.Go(func() {
				_ = retry.Do(ctx, "call", p.Retry, func(context.Context) error { return server.answer(i) })
			})
			time.Sleep(time.Duration(random.ExpFloat64() / rate * float64(time.Second)))
		}
		running.Wait()
		span.End()
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	files := []*logfiles.File{logfiles.Open(path)}
	defer logfiles.CloseAll(files)
	c := history.NewCollector()
	if _, err := logfiles.MergeLines(files, history.Reads, c.Add); err != nil {
		t.Fatal(err)
	}
	return c.History()
}

// steady fails this share, but within some times.
func steady(share float64, times ...[3]float64) func(at float64) float64 {
	return func(at float64) float64 {
		for _, t := range times {
			if at >= t[0] && at < t[1] {
				return t[2]
			}
		}
		return share
	}
}

var worlds = []world{
	{name: "outage", seconds: 300, fails: steady(0.01, [3]float64{90, 105, 0.95}, [3]float64{105, 120, 0.4})},
	{name: "brown-out", seconds: 300, fails: steady(0.005, [3]float64{60, 180, 0.4})},
	{
		name: "poison", seconds: 300, poison: 0.03,
		fails: steady(0.01, [3]float64{90, 105, 0.95}, [3]float64{105, 120, 0.4}),
	},
	{name: "throttling", seconds: 300, fails: steady(0.01, [3]float64{60, 150, 0.7}), asks: 2 * time.Second},
	{name: "overload", seconds: 300, holds: 1.3, surge: steady(1, [3]float64{90, 150, 2}), fails: steady(0.01)},
}
