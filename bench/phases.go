package main

import (
	"context"
	"fmt"

	"github.com/backspan/backspan/orchestrator"
)

// measurePhases runs pipelines beside a loop that calls the same functions.
func measurePhases(p *page, s sizes) error {
	p.title("Phases of a pipeline, without an SDK or a checkpoint")
	t := newTable("", "ns a phase", "B", "allocs")
	ctx := context.Background()
	var list []subject
	counts := []int{s.phases, s.phases / 10, s.phases}
	for i, n := range counts {
		pipeline := graph(n)
		if i == 0 {
			list = append(list, alone("functions, called", func() error { return call(ctx, pipeline) }))
			continue
		}
		list = append(list, alone(fmt.Sprintf("a graph of %d", n), func() error {
			_, err := pipeline.Run(ctx, orchestrator.Options{EnableRecovery: true})
			return err
		}))
	}
	results := measure(list, s.effort)
	for i, r := range results {
		for round := range r.times {
			r.times[round] /= float64(counts[i])
		}
		n := float64(counts[i])
		t.add(r.name, nanoseconds(r.ns()), count(r.bytes/n), count(r.allocs/n))
	}
	p.table(t)
	called, few, many := results[0], results[1], results[2]
	p.promise(fmt.Sprintf("a pipeline of %d phases: each over its function's call", s.phases), 10_000,
		many.beyond(called), "ns")
	p.promise(fmt.Sprintf("time of a phase, %d ÷ %d of them", counts[2], counts[1]), 1.5, many.over(few), "×")
	return nil
}

func call(ctx context.Context, p orchestrator.Pipeline) error {
	for _, phase := range p.Phases {
		if _, err := phase.Run(ctx, orchestrator.Input{}); err != nil {
			return err
		}
	}
	return nil
}

// graph is a pipeline of n phases, each of which needs up to three of those before it.
func graph(n int) orchestrator.Pipeline {
	name := func(i int) string { return fmt.Sprint("phase ", i) }
	phases := make([]orchestrator.Phase, n)
	for i := range phases {
		phases[i] = orchestrator.Phase{
			Name: name(i), Run: func(context.Context, orchestrator.Input) (any, error) { return i, nil },
		}
		for _, back := range []int{100, 101, 110} {
			if i >= back {
				phases[i].Needs = append(phases[i].Needs, name(i-back))
			}
		}
	}
	return orchestrator.Pipeline{Name: "graph", Phases: phases}
}
