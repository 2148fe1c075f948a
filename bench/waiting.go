package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	backoff7 "github.com/cenkalti/backoff/v7"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/retry"
)

// measureWaiting measures operations that failed once and wait.
func measureWaiting(p *page, s sizes) error {
	few := s.operations / 10
	deep := fmt.Sprintf("that had used %d kB of stack", deepKilobytes)
	var crowds []crowd
	for _, c := range []struct {
		name     string
		provider trace.TracerProvider
		size     int
		wait     func(ctx context.Context, waits func()) error
	}{
		{"", noop.NewTracerProvider(), s.operations, onlyWait}, // not shown: the runtime keeps some memory of the first
		{"goroutines that only wait", noop.NewTracerProvider(), s.operations, onlyWait},
		{"backoff v7", noop.NewTracerProvider(), few, waitV7(0)},
		{"backoff v7, " + deep, noop.NewTracerProvider(), few, waitV7(deepKilobytes)},
		{"operations", noop.NewTracerProvider(), few, waitOurs(0)},
		{"operations " + deep, noop.NewTracerProvider(), few, waitOurs(deepKilobytes)},
		{"operations", noop.NewTracerProvider(), s.operations, waitOurs(0)},
		{"operations, SDK that never samples", sdk(sdktrace.NeverSample()), few, waitOurs(0)},
		{"operations, SDK that samples all", sdk(sdktrace.AlwaysSample()), few, waitOurs(0)},
		{"operations, SDK that samples all, " + deep, sdk(sdktrace.AlwaysSample()), few, waitOurs(deepKilobytes)},
	} {
		otel.SetTracerProvider(c.provider)
		gathered, err := gather(c.size, c.wait)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		gathered.name = c.name
		crowds = append(crowds, gathered)
	}
	crowds = crowds[1:]

	p.title("Operations that wait at once")
	t := newTable("each of", "B while they wait", "B after they were cancelled", "ns to begin", "ns to cancel")
	for _, c := range crowds {
		t.add(fmt.Sprintf("%d %s", c.size, c.name), count(c.held), count(c.kept), count(c.startNs), count(c.endNs))
	}
	p.table(t)

	bare, less, used, many, sampled := crowds[0], crowds[3], crowds[4], crowds[5], crowds[7]
	p.promise(fmt.Sprintf("%d operations that wait: each over its goroutine", many.size), 3072,
		many.held-bare.held, "B")
	p.promise("what is left of each when they were cancelled", 64, many.kept, "B")
	p.promise("an operation that waits and had used 5 kB of stack", 5<<10, used.held, "B")
	p.promise("an operation that waits, SDK that samples all", 6<<10, sampled.held, "B")
	p.promise(fmt.Sprintf("time of each, %d ÷ %d of them", many.size, less.size), 2,
		(many.startNs+many.endNs)/(less.startNs+less.endNs), "×")
	return nil
}

// A crowd says what one of many waiting operations costs.
type crowd struct {
	name    string
	size    int
	held    float64 // bytes while they wait
	kept    float64 // bytes after they were cancelled
	startNs float64 // from the call until it waits
	endNs   float64 // from the cancellation until the call has returned
}

// onlyWait does nothing else.
func onlyWait(ctx context.Context, waits func()) error {
	waits()
	<-ctx.Done()
	return nil
}

// waitOurs is an operation that uses so many kilobytes of stack, fails, and waits an hour.
func waitOurs(kilobytes int) func(ctx context.Context, waits func()) error {
	return func(ctx context.Context, waits func()) error {
		policy := retry.Policy{
			BaseDelay: time.Hour, MaxDelay: time.Hour,
			AfterAttempt: func(context.Context, retry.Attempt) { waits() },
		}
		err := retry.Do(ctx, operationName, policy, func(context.Context) error { return useStack(kilobytes) })
		if !errors.Is(err, retry.ErrCancelled) || !errors.Is(err, errRefused) {
			return fmt.Errorf("a cancelled operation returned %w", err)
		}
		return nil
	}
}

// waitV7 is the same with cenkalti/backoff.
func waitV7(kilobytes int) func(ctx context.Context, waits func()) error {
	return func(ctx context.Context, waits func()) error {
		_, err := backoff7.Retry(ctx, func() (int, error) { return 0, useStack(kilobytes) },
			backoff7.WithBackOff(&backoff7.ConstantBackOff{Interval: time.Hour}),
			backoff7.WithMaxElapsedTime(0),
			backoff7.WithNotify(func(error, time.Duration) { waits() }),
		)
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("a cancelled operation returned %w", err)
		}
		return nil
	}
}

const deepKilobytes = 5

// useStack fails deep below its caller.
//
//go:noinline
func useStack(kilobytes int) error {
	var frame [1024]byte
	if kilobytes <= 0 {
		return errRefused
	}
	err := useStack(kilobytes - 1)
	runtime.KeepAlive(frame)
	return err
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
