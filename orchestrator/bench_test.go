package orchestrator_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/backspan/backspan/orchestrator"
)

// grid is a graph of n phases, each of which needs up to three of those before it.
func grid(n int) orchestrator.Pipeline {
	name := func(i int) string { return fmt.Sprint("phase ", i) }
	phases := make([]orchestrator.Phase, n)
	for i := range phases {
		phases[i] = orchestrator.Phase{Name: name(i), Run: ok(i)}
		for _, back := range []int{100, 101, 110} {
			if i >= back {
				phases[i].Needs = append(phases[i].Needs, name(i-back))
			}
		}
	}
	return pipeline(phases...)
}

func sequence(n int) orchestrator.Pipeline {
	p := grid(n)
	for i := range p.Phases {
		p.Phases[i].Needs = nil
	}
	return p
}

// star is two phases around n others: one that all need, and one that needs all.
func star(n int) orchestrator.Pipeline {
	phases := []orchestrator.Phase{{Name: "first", Run: ok(0)}}
	last := orchestrator.Phase{Name: "last", Run: ok(0)}
	for i := range n {
		name := fmt.Sprint("phase ", i)
		phases = append(phases, orchestrator.Phase{Name: name, Run: ok(i), Needs: []string{"first"}})
		last.Needs = append(last.Needs, name)
	}
	return pipeline(append(phases, last)...)
}

// BenchmarkRun shows what a phase costs over calling its function, without an SDK: ns/phase should stay the same from
// one size to the next.
func BenchmarkRun(b *testing.B) {
	for _, shape := range []struct {
		name string
		of   func(int) orchestrator.Pipeline
	}{{"graph", grid}, {"sequence", sequence}, {"star", star}} {
		for _, n := range []int{100, 1_000, 10_000, 100_000} {
			for _, limit := range []int{0, 8} {
				p := shape.of(n)
				b.Run(fmt.Sprintf("%s/phases=%d/limit=%d", shape.name, n, limit), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						opts := orchestrator.Options{EnableRecovery: true, MaxParallel: limit}
						if _, err := p.Run(context.Background(), opts); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(p.Phases)), "ns/phase")
				})
			}
		}
	}
}

// BenchmarkCalls is what BenchmarkRun is over: the same functions, called.
func BenchmarkCalls(b *testing.B) {
	p := sequence(10_000)
	for b.Loop() {
		for _, phase := range p.Phases {
			if _, err := phase.Run(context.Background(), orchestrator.Input{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(p.Phases)), "ns/phase")
}
