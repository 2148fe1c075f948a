package main

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// A subject is something to measure.
type subject struct {
	name string
	runs []func() error // one for each goroutine; a call carries out one operation
}

func alone(name string, run func() error) subject { return subject{name, []func() error{run}} }

// An effort says how much time to spend.
type effort struct {
	rounds int
	slice  time.Duration // how long each subject runs in each round
}

// A result is what was measured of a subject.
type result struct {
	name          string
	times         []float64 // ns a run, one a round
	bytes, allocs float64   // a run
}

// measure runs the subjects in turns, round after round, so that a disturbance of the machine affects all of them. In
// odd rounds the order is reversed, so that no subject always follows the same one.
//
// With one goroutine GOMAXPROCS is 1. Otherwise idle processors would do some of the garbage collector's work, and how
// much varies.
func measure(subjects []subject, e effort) []result {
	if len(subjects[0].runs) == 1 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	results := make([]result, len(subjects))
	counts := make([]int, len(subjects))
	for i, s := range subjects {
		results[i].name = s.name
		counts[i] = calibrate(s, e.slice)
		results[i].bytes, results[i].allocs = allocations(s.runs[0], counts[i])
	}
	for round := range e.rounds {
		for i := range subjects {
			if round%2 == 1 {
				i = len(subjects) - 1 - i
			}
			took := elapsed(subjects[i], counts[i])
			results[i].times = append(results[i].times, float64(took)/float64(counts[i]))
		}
	}
	return results
}

// calibrate returns how many runs fill slice.
func calibrate(s subject, slice time.Duration) int {
	for n := 1; ; n *= 2 {
		if took := elapsed(s, n); took >= slice/2 {
			return max(1, int(float64(n)*float64(slice)/float64(took)))
		}
	}
}

// elapsed is how long each goroutine takes for n runs.
//
// For one goroutine that is processor time, the garbage collector's included, which other processes hardly change. For
// several it is the time that passed, because waiting for each other costs no processor.
func elapsed(s subject, n int) time.Duration {
	if len(s.runs) == 1 {
		start := cpuTime()
		repeat(s.runs[0], n)
		return cpuTime() - start
	}
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(len(s.runs))
	for _, run := range s.runs {
		done.Go(func() {
			ready.Done()
			<-begin
			repeat(run, n)
		})
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	done.Wait()
	return time.Since(start)
}

// repeat panics when a run fails: each has been seen to succeed.
func repeat(run func() error, n int) {
	for range n {
		if err := run(); err != nil {
			panic(err)
		}
	}
}

// allocations is the lowest of a few counts, because other goroutines allocate too. Of a slow subject few runs are
// counted.
func allocations(run func() error, runs int) (bytes, allocs float64) {
	runs = max(1, min(runs, 200))
	for i := range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		repeat(run, runs)
		runtime.ReadMemStats(&after)
		b := float64(after.TotalAlloc-before.TotalAlloc) / float64(runs)
		a := float64(after.Mallocs-before.Mallocs) / float64(runs)
		if i == 0 || b < bytes {
			bytes, allocs = b, a
		}
	}
	return bytes, allocs
}

func (r result) ns() float64 { return median(r.times) }

// over is the median of the ratios of r to base, each within one round.
func (r result) over(base result) float64 {
	ratios := make([]float64, len(r.times))
	for i := range r.times {
		ratios[i] = r.times[i] / base.times[i]
	}
	return median(ratios)
}

// beyond is the median of the differences of r to base in ns, each within one round.
func (r result) beyond(base result) float64 {
	differences := make([]float64, len(r.times))
	for i := range r.times {
		differences[i] = r.times[i] - base.times[i]
	}
	return median(differences)
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
