package telemetry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// shutdownTimeout bounds Shutdown when its context has no deadline.
const shutdownTimeout = 10 * time.Second

// shutdownGrace is how long Shutdown waits, after its bound, for an exporter that was cancelled to return.
const shutdownGrace = 250 * time.Millisecond

// An ExportError says that spans were lost on the way to the collector. It is no reason for the program to fail: the
// event log has the failed attempts too.
type ExportError struct {
	NotExported int    // how many sampled spans the collector is not known to have taken
	Unsure      int    // how many of these it may have taken: they were sent, and no answer came
	Endpoint    string // where they were sent to
	Err         error  // why the last export failed; matches context.DeadlineExceeded when the time was up
}

// Error is one line. Of Err it has at most 300 bytes, which may be the collector's own words: a program that prints
// them to a terminal makes control characters harmless first, as %q does.
func (e *ExportError) Error() string { return e.Loss() + ": " + oneLine(e.Err) }

// Loss is Error without the reason: how many spans were not exported, and how many others may be missing.
func (e *ExportError) Loss() string {
	known := e.NotExported - e.Unsure
	lost := notExported(known) + e.Endpoint
	switch {
	case e.Unsure <= 0:
		return lost
	case known > 0:
		return fmt.Sprintf("%s, and %d more may be missing there", lost, e.Unsure)
	case e.Unsure == 1:
		return "1 span may be missing at " + e.Endpoint
	}
	return fmt.Sprintf("%d spans may be missing at %s", e.Unsure, e.Endpoint)
}

func notExported(n int) string {
	if n == 1 {
		return "1 span was not exported to "
	}
	return fmt.Sprintf("%d spans were not exported to ", n)
}

// Unwrap returns Err.
func (e *ExportError) Unwrap() error { return e.Err }

// oneLine shortens an error, which may hold a server's whole answer.
func oneLine(err error) string {
	const most = 300
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// errNoAnswer is why exports end when Shutdown may take no longer. It wraps the error of Shutdown's context.
type errNoAnswer struct{ error }

func (e errNoAnswer) Error() string {
	if errors.Is(e.error, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return "no answer until it was interrupted"
}

func (e errNoAnswer) Unwrap() error { return e.error }

var errQueueFull = errors.New("the export queue was full (OTEL_BSP_MAX_QUEUE_SIZE)")

// An exportPipeline is the SDK's batch processor with a count. The batch processor drops spans when its queue is
// full, and Shutdown does not return export errors. So the spans that went in are compared with those that the
// collector took.
type exportPipeline struct {
	batch    sdktrace.SpanProcessor
	exporter *countingExporter
	capacity int64        // how many spans the batch processor can hold
	ended    atomic.Int64 // sampled spans handed to batch
	closed   atomic.Bool

	overflow atomic.Int64 // how many spans were lost to a full queue, at least
	telling  atomic.Bool  // somebody will be told of them
	told     atomic.Int64 // when somebody was, in nanoseconds since 1970

	once sync.Once
	err  error // what the first Shutdown returned
}

var _ sdktrace.SpanProcessor = (*exportPipeline)(nil)

func newExportPipeline(e *countingExporter, limits batchLimits) *exportPipeline {
	e.closing = make(chan struct{})
	p := &exportPipeline{exporter: e, capacity: int64(limits.queue + limits.batch)}
	p.batch = sdktrace.NewBatchSpanProcessor(e,
		sdktrace.WithMaxQueueSize(limits.queue), sdktrace.WithMaxExportBatchSize(limits.batch))
	return p
}

// batchLimits are how many spans wait in the batch processor, and how many it exports at once.
type batchLimits struct{ queue, batch int }

// OnStart does nothing.
func (p *exportPipeline) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues s when it is sampled.
func (p *exportPipeline) OnEnd(s sdktrace.ReadOnlySpan) {
	if p.closed.Load() || !s.SpanContext().IsSampled() {
		return
	}
	ended := p.ended.Add(1)
	p.batch.OnEnd(s)
	// What went in and did not come out is in the batch processor, as far as it fits.
	if lost := ended - p.exporter.taken.Load() - p.exporter.failed.Load() - p.capacity; lost > p.overflow.Load() {
		p.overflow.Store(lost)
		p.tellOverflow()
	}
}

// A full queue is told while it lasts. Shutdown tells, too, but for a server that may be weeks away.
const (
	overflowFirst = time.Second // after the first loss, so that the number says how bad it is
	overflowEvery = time.Minute // between two reports, at least
)

// tellOverflow has somebody told soon.
func (p *exportPipeline) tellOverflow() {
	if p.telling.Swap(true) {
		return
	}
	again := time.Until(time.Unix(0, p.told.Load()).Add(overflowEvery))
	time.AfterFunc(max(overflowFirst, again), func() {
		if p.closed.Load() {
			return // Shutdown tells
		}
		p.told.Store(time.Now().UnixNano())
		p.telling.Store(false)
		handleError(fmt.Errorf("telemetry: at least %s%s so far: %w",
			notExported(int(p.overflow.Load())), p.exporter.endpoint, errQueueFull))
	})
}

// ForceFlush exports what is queued. It returns an *ExportError when spans were lost during the call.
func (p *exportPipeline) ForceFlush(ctx context.Context) error {
	failed, unsure := p.exporter.failed.Load(), p.exporter.unsure.Load()
	err := p.batch.ForceFlush(ctx)
	if lost := p.exporter.failed.Load() - failed; lost > 0 {
		return p.exporter.lost(lost, p.exporter.unsure.Load()-unsure)
	}
	return err
}

// Shutdown exports what is queued, within ctx or shutdownTimeout, and closes the connection. It returns an
// *ExportError when any span since the start was lost.
func (p *exportPipeline) Shutdown(ctx context.Context) error {
	p.once.Do(func() { p.err = p.shutdown(ctx) })
	return p.err
}

func (p *exportPipeline) shutdown(ctx context.Context) error {
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	p.closed.Store(true)
	until, _ := ctx.Deadline()
	p.exporter.close(until)
	// The batch processor does not get ctx. After ctx's deadline it would go on in the background until every batch in
	// its queue had timed out. The exporter is stopped instead.
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.batch.Shutdown(context.WithoutCancel(ctx)); err != nil {
			p.exporter.keep(err)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
		p.exporter.stop(errNoAnswer{ctx.Err()})
		grace := time.NewTimer(shutdownGrace)
		defer grace.Stop()
		select {
		case <-done:
		case <-grace.C:
		}
	}
	p.exporter.closeIdle()
	if lost := p.ended.Load() - p.exporter.taken.Load(); lost > 0 {
		// An export that does not even end when it is cancelled has not been counted.
		return p.exporter.lost(lost, p.exporter.unsure.Load()+p.exporter.sending.Load())
	}
	return nil
}

func withDefaultTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, shutdownTimeout)
}
