//go:build !race

package retry_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/retry"
)

// A goroutine gives half of its stack back when the garbage collector finds less than a quarter of it in use. That of
// an operation that waits must come down to 4 KiB, also when the operation had used much more. With the race detector
// all frames are larger, so `make test` runs this file without it.
func TestAWaitingOperationNeedsLittleStack(t *testing.T) {
	const n = 500
	tracer := sdktrace.NewTracerProvider().Tracer("somebody")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var waiting, done sync.WaitGroup
	waiting.Add(n)
	policy := retry.Policy{
		BaseDelay: time.Hour, MaxDelay: time.Hour,
		AfterAttempt: func(context.Context, retry.Attempt) { waiting.Done() },
	}
	before := stacks()
	for range n {
		done.Go(func() {
			ctx, span := tracer.Start(ctx, "request")
			defer span.End()
			_ = retry.Do(ctx, "data_load", policy, func(context.Context) error { return deep(10) })
		})
	}
	waiting.Wait()
	if each := (stacks() - before) / n; each > 6<<10 {
		t.Errorf("each takes a stack of %d bytes, want 4096", each)
	}
	cancel()
	done.Wait()
}

// deep uses n KiB of stack.
//
//go:noinline
func deep(n int) error {
	var page [1024]byte
	if n == 0 {
		return errRefused
	}
	err := deep(n - 1)
	runtime.KeepAlive(page)
	return err
}

// stacks is what the stacks take after garbage was collected often enough to shrink them.
func stacks() int64 {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.StackInuse)
}
