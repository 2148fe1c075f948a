package advice_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/advice"
	"github.com/backspan/backspan/cmd/backspan/internal/history"
)

// In 5 of 100 logs in which nothing is wrong there may be a finding, of whatever kind. These logs make it hard: what is
// rare in them is just so rare that it is no finding.
func TestFalseFindingsAreRare(t *testing.T) {
	const logs = 200
	wrong := 0
	var advised [logs]*advice.Advice
	var all sync.WaitGroup
	for half := range 2 {
		all.Go(func() {
			for seed := half; seed < logs; seed += 2 {
				advised[seed] = advice.Look(randomHistory(rand.New(rand.NewPCG(uint64(seed), 1))))
			}
		})
	}
	all.Wait()
	for seed, a := range advised {
		if a.Looked.Pairs < 20 || a.Looked.Pairs-a.Looked.Few < 20 {
			t.Fatalf("log %d: %+v: that is too little to be a test", seed, a.Looked)
		}
		for _, f := range a.Findings {
			t.Logf("log %d: %s: %s: %d of %d, p %.2g", seed, f.Operation, f.Title, f.Hits, f.Of, f.Adjusted)
		}
		wrong += min(1, len(a.Findings))
	}
	if wrong > logs/20 {
		t.Errorf("%d of %d logs have findings, want at most one in twenty", wrong, logs)
	}
}

const (
	minCases = 100  // as a finding needs them
	edge     = 0.05 // a share that is just not rare
)

// randomHistory is a history of five hours in which nothing is wrong.
func randomHistory(r *rand.Rand) *history.History {
	h := &history.History{From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	h.To = h.From.Add(5 * time.Hour)
	for i := range 3 + r.IntN(3) {
		name := fmt.Sprint("op", i)
		for minute := h.From; minute.Before(h.To); minute = minute.Add(time.Minute) {
			h.Tallies = append(h.Tallies, &history.Tally{
				Name: name, Host: "web-1", PID: 1, Begin: minute, End: minute.Add(time.Minute), Successes: 40,
			})
		}
		policy := policyOf(r)
		for kind := range 6 + r.IntN(3) {
			recovers := []float64{edge, edge, edge, edge, 0.1, 0.5}[r.IntN(6)]
			for range minCases + r.IntN(8) {
				h.Operations = append(h.Operations, operation(h, r, policy, name, fmt.Sprint("error_", kind), recovers))
			}
		}
	}
	slices.SortFunc(h.Operations, func(a, b *history.Operation) int { return a.Start.Compare(b.Start) })
	return h
}

// A policy is that of one operation.
type policy struct {
	retries  int
	jitter   bool
	limit    time.Duration
	limited  float64 // share of those that come to their end that MaxElapsed cuts
	refusals float64 // share that a budget refuses
}

func policyOf(r *rand.Rand) policy {
	return policy{
		retries: 1 + r.IntN(8)/6, jitter: r.IntN(2) == 0,
		limit:    []time.Duration{0, time.Minute}[r.IntN(2)],
		limited:  []float64{edge, 0.5, 1 - edge}[r.IntN(3)],
		refusals: []float64{0, 0.01}[r.IntN(2)],
	}
}

// operation is one that fails, at a time of its own.
func operation(h *history.History, r *rand.Rand, p policy, name, kind string, recovers float64) *history.Operation {
	o := &history.Operation{
		Name: name, Host: "web-1", PID: 1 + r.IntN(8), Begun: true, MaxRetries: p.retries, MaxElapsed: p.limit,
		Trace: fmt.Sprintf("%032x", r.Uint64()), Start: h.From.Add(time.Duration(r.Int64N(int64(h.To.Sub(h.From))))),
	}
	at, wait := time.Duration(0), time.Duration(0)
	for n := 1; ; n++ {
		a := history.Attempt{
			Number: n, Begin: at, Took: 20 * time.Millisecond, Wait: wait, NextWait: -1, Failed: true, ErrorType: kind,
		}
		if n > 1 && r.Float64() < recovers {
			a.Failed, a.ErrorType, o.Outcome = false, "", "recovered"
		} else if n > p.retries {
			o.Outcome = "exhausted"
			if p.limit > 0 && r.Float64() < p.limited {
				o.Outcome = "deadline"
			}
		} else if r.Float64() < p.refusals {
			o.Outcome = "budget"
		}
		o.Attempts = append(o.Attempts, a)
		if o.Took = a.End(); o.Outcome != "" {
			return o
		}
		if wait = time.Second << (n - 1); p.jitter {
			wait = time.Duration(r.Int64N(int64(wait)))
		}
		at = a.End() + wait
	}
}
