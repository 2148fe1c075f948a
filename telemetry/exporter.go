package telemetry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// How an export that failed is tried again.
const (
	exportRetryFirst = 300 * time.Millisecond // about the first wait; the later ones grow by half
	exportRetryMost  = 5 * time.Second        // the longest wait
	exportRetryTotal = time.Minute            // when there is no other bound

	exitRetryEvery = 150 * time.Millisecond // the wait while the program ends
	exitPatience   = 2 * time.Second        // how long a program that ends waits for a collector that it cannot reach
)

// A countingExporter splits batches to sizes that collectors take, tries again where that may help, counts what the
// collector took, keeps the last error, and reports a collector that is away once and not at every batch.
type countingExporter struct {
	next       sdktrace.SpanExporter
	closeIdle  func()
	endpoint   string
	mask       func(string) string
	timeout    time.Duration // of one export with all its tries; 0: no bound
	configured bool          // somebody named the endpoint: at the end of the program it is waited for

	closing chan struct{} // closed when Shutdown has begun: it returns the errors, nobody else has to be told
	failing atomic.Bool   // the last export failed and somebody was told
	taken   atomic.Int64  // spans
	failed  atomic.Int64  // spans
	unsure  atomic.Int64  // spans of failed that may have arrived
	sending atomic.Int64  // spans of the export that runs

	mu      sync.Mutex
	since   time.Time               // when Shutdown began
	until   time.Time               // when it returns at the latest
	last    error                   // why an export failed
	stopped error                   // why there are to be no more exports
	running context.CancelCauseFunc // ends the export that runs
}

// ExportSpans never fails: the batch processor would report each error, and can do no more about it.
func (e *countingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if e.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.timeout)
		defer cancel()
	}
	e.sending.Store(int64(len(spans)))
	d := e.deliver(ctx, spans)
	e.taken.Add(int64(d.taken))
	e.failed.Add(int64(len(spans) - d.taken))
	e.unsure.Add(int64(d.unsure))
	e.sending.Store(0)
	if d.tooLarge != nil {
		e.keep(d.tooLarge)
		handleError(fmt.Errorf("telemetry: not exported to %s: %w", e.endpoint, d.tooLarge))
	}
	if d.err == nil {
		e.failing.Store(false)
		return nil
	}
	e.keep(d.err)
	if !e.isClosing() && !e.failing.Swap(true) {
		handleError(fmt.Errorf("telemetry: spans are not exported to %s: %w", e.endpoint, d.err))
	}
	return nil
}

// deliver sends spans. It runs on the batch processor's goroutine, where a panic would end the host.
func (e *countingExporter) deliver(ctx context.Context, spans []sdktrace.ReadOnlySpan) (d delivery) {
	d.exporter = e
	defer func() {
		if r := recover(); r != nil {
			d.err = fmt.Errorf("the exporter panicked: %v", r)
		}
	}()
	d.send(ctx, presentable(spans, e.mask))
	return d
}

// export sends one batch, and tries again while that may help.
func (e *countingExporter) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) (answer reply, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := e.begin(cancel); err != nil {
		return answer, err
	}
	began, pause, unsure := time.Now(), exportRetryFirst, false
	var before error // of the last try that was not cancelled
	for {
		answer = reply{again: pause > exportRetryFirst}
		err = e.next.ExportSpans(withReply(ctx, &answer), spans)
		unsure = unsure || answer.unsure
		if err != nil && !isCancelled(err) {
			before = err
		}
		if err == nil || answer.taken || !answer.temporary || !e.wait(ctx, began, pause, answer) {
			break
		}
		pause = min(pause*3/2, exportRetryMost)
	}
	answer.unsure = unsure // one of the tries may have arrived
	if patience := e.patience(ctx, began); err != nil && answer.after > patience {
		err = fmt.Errorf("%w (it asks for a pause of %v, which is longer than it is waited for)", err, answer.after)
	}
	if stopped := e.begin(nil); err != nil && stopped != nil {
		if err = stopped; before != nil {
			err = fmt.Errorf("%w (%v)", stopped, before)
		}
	}
	return answer, err
}

// isCancelled says whether err tells of nothing but a context that ended.
func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		status.Code(err) == codes.Canceled
}

// wait waits before the next try of an export. It returns false when there is to be none.
func (e *countingExporter) wait(ctx context.Context, began time.Time, pause time.Duration, answer reply) bool {
	pause = pause/2 + rand.N(pause) //nolint:gosec // G404: no secret, but that many processes do not come back together
	closing := e.closing
	if e.isClosing() {
		if answer.unreachable && (!e.isExpected() || e.closingFor() > exitPatience) {
			return false
		}
		pause, closing = exitRetryEvery, nil
	}
	pause = max(pause, answer.after)
	if pause > e.patience(ctx, began) {
		return false
	}
	asked := time.Now().Add(answer.after)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-closing: // now it is urgent, but for what the collector asked for
		if answer.after == 0 {
			return true
		}
		answer.after = time.Until(asked)
		return e.wait(ctx, began, pause, answer)
	case <-ctx.Done():
		return false
	}
}

// patience is how long an export that began then may still wait.
func (e *countingExporter) patience(ctx context.Context, began time.Time) time.Duration {
	until := began.Add(exportRetryTotal)
	if bound, ok := ctx.Deadline(); ok && bound.Before(until) {
		until = bound
	}
	if e.isClosing() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.until.Before(until) {
			until = e.until
		}
	}
	return time.Until(until)
}

// isExpected says whether the collector is one that somebody named, or that has taken spans before. One that was
// merely found, or looked for where it usually is, may be gone for good.
func (e *countingExporter) isExpected() bool { return e.configured || e.taken.Load() > 0 }

// close says that the program ends, and waits until then at most.
func (e *countingExporter) close(until time.Time) {
	e.mu.Lock()
	e.since, e.until = time.Now(), until
	e.mu.Unlock()
	close(e.closing)
}

func (e *countingExporter) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

func (e *countingExporter) closingFor() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Since(e.since)
}

// begin notes how the export that now runs is cancelled (nil: none runs), and says why there are to be no more.
func (e *countingExporter) begin(cancel context.CancelCauseFunc) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = cancel
	return e.stopped
}

// stop ends the export that runs, and all later ones at once.
func (e *countingExporter) stop(why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = why
	if e.running != nil {
		e.running(why)
	}
}

// Shutdown closes the connection to the collector.
func (e *countingExporter) Shutdown(ctx context.Context) error { return e.next.Shutdown(ctx) }

func (e *countingExporter) keep(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = err
}

// lost is the error of n spans, unsure of which may have arrived.
func (e *countingExporter) lost(n, unsure int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.last
	if err == nil {
		err = errQueueFull
	}
	return &ExportError{NotExported: int(n), Unsure: int(min(unsure, n)), Endpoint: e.endpoint, Err: err}
}
