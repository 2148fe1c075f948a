package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/retry"
)

// measureWaiting measures operations that wait, without an SDK.
func measureWaiting(p *page, s sizes) error {
	otel.SetTracerProvider(noop.NewTracerProvider())
	if _, err := waitingGoroutines(s.operations); err != nil { // not counted: the runtime keeps some memory of the first goroutines
		return err
	}
	bare, err := waitingGoroutines(s.operations)
	if err != nil {
		return err
	}
	few, err := waitingOperations(s.operations / 10)
	if err != nil {
		return err
	}
	many, err := waitingOperations(s.operations)
	if err != nil {
		return err
	}
	p.title("Operations that wait at once")
	t := newTable("each of", "B while they wait", "B after they were cancelled", "ns to begin", "ns to cancel")
	for _, c := range []struct {
		name string
		crowd
	}{{"goroutines that only wait", bare}, {"operations", few}, {"operations", many}} {
		t.add(fmt.Sprintf("%d %s", c.size, c.name), count(c.held), count(c.kept), count(c.startNs), count(c.endNs))
	}
	p.table(t)

	p.promise(fmt.Sprintf("%d operations that wait: each over its goroutine", many.size), 3072, many.held-bare.held, "B")
	p.promise("what is left of each when they were cancelled", 64, many.kept, "B")
	p.promise(fmt.Sprintf("time of each, %d ÷ %d of them", many.size, few.size), 2,
		(many.startNs+many.endNs)/(few.startNs+few.endNs), "×")
	return nil
}

// A crowd says what one of many waiting operations costs.
type crowd struct {
	size    int
	held    float64 // bytes while they wait
	kept    float64 // bytes after they were cancelled
	startNs float64 // from the call until it waits
	endNs   float64 // from the cancellation until the call has returned
}

// waitingOperations starts n operations that fail and wait an hour, and cancels them.
func waitingOperations(n int) (crowd, error) {
	return gather(n, func(ctx context.Context, waits func()) error {
		policy := retry.Policy{
			BaseDelay: time.Hour, MaxDelay: time.Hour,
			AfterAttempt: func(context.Context, retry.Attempt) { waits() },
		}
		err := retry.Do(ctx, operationName, policy, func(context.Context) error { return errRefused })
		if !errors.Is(err, retry.ErrCancelled) || !errors.Is(err, errRefused) {
			return fmt.Errorf("a cancelled operation returned %w", err)
		}
		return nil
	})
}

// waitingGoroutines starts n goroutines that do nothing but wait.
func waitingGoroutines(n int) (crowd, error) {
	return gather(n, func(ctx context.Context, waits func()) error {
		waits()
		<-ctx.Done()
		return nil
	})
}

// gather runs wait n times at once, each of which calls waits and then waits for the context to end.
func gather(n int, wait func(ctx context.Context, waits func()) error) (crowd, error) {
	c := crowd{size: n}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	failures := make(chan error, 1)
	var waiting, returned sync.WaitGroup
	waiting.Add(n)

	before := inUse()
	began := cpuTime()
	for range n {
		returned.Go(func() {
			if err := wait(ctx, waiting.Done); err != nil {
				select {
				case failures <- err:
				default: // one is enough
				}
			}
		})
	}
	waiting.Wait()
	c.startNs = float64(cpuTime()-began) / float64(n)
	c.held = float64(inUse()-before) / float64(n)

	ended := cpuTime()
	cancel()
	returned.Wait()
	c.endNs = float64(cpuTime()-ended) / float64(n)
	c.kept = float64(inUse()-before) / float64(n)

	select {
	case err := <-failures:
		return c, err
	default:
		return c, nil
	}
}

// inUse is what heap and stacks take after garbage was collected.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // the second collection returns what the first one freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
