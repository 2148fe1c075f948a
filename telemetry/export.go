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
	NotExported int    // how many sampled spans the collector did not take
	Endpoint    string // where they were sent to
	Err         error  // why the last export failed; matches context.DeadlineExceeded when the time was up
}

// Error is one line. Of Err it has at most 300 bytes.
func (e *ExportError) Error() string {
	spans := "spans were"
	if e.NotExported == 1 {
		spans = "span was"
	}
	return fmt.Sprintf("%d %s not exported to %s: %s", e.NotExported, spans, e.Endpoint, oneLine(e.Err))
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

var errQueueFull = errors.New("the export queue was full (OTEL_BSP_MAX_QUEUE_SIZE)")

// exportPipeline is the SDK's batch processor with a count. The batch processor drops spans when its queue is full, and
// Shutdown does not return export errors. So the spans that went in are compared with those that the collector took.
type exportPipeline struct {
	batch    sdktrace.SpanProcessor
	exporter *countingExporter
	ended    atomic.Int64 // sampled spans handed to batch
	closed   atomic.Bool
	once     sync.Once
	err      error // what the first Shutdown returned
}

var _ sdktrace.SpanProcessor = (*exportPipeline)(nil)

func newExportPipeline(
	next sdktrace.SpanExporter, closeIdle func(), endpoint string, redact func(string) string,
) *exportPipeline {
	e := &countingExporter{next: next, closeIdle: closeIdle, endpoint: endpoint, redact: redact}
	return &exportPipeline{batch: sdktrace.NewBatchSpanProcessor(e), exporter: e}
}

// OnStart does nothing.
func (p *exportPipeline) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues s when it is sampled.
func (p *exportPipeline) OnEnd(s sdktrace.ReadOnlySpan) {
	if p.closed.Load() || !s.SpanContext().IsSampled() {
		return
	}
	p.ended.Add(1)
	p.batch.OnEnd(s)
}

// ForceFlush exports what is queued. It returns an *ExportError when spans were lost during the call.
func (p *exportPipeline) ForceFlush(ctx context.Context) error {
	before := p.exporter.failed.Load()
	err := p.batch.ForceFlush(ctx)
	if lost := int(p.exporter.failed.Load() - before); lost > 0 {
		return p.exporter.lost(lost)
	}
	return err
}

// Shutdown exports what is queued, within ctx or shutdownTimeout, and closes the connection. It returns an *ExportError
// when any span since the start was lost.
func (p *exportPipeline) Shutdown(ctx context.Context) error {
	p.once.Do(func() { p.err = p.shutdown(ctx) })
	return p.err
}

func (p *exportPipeline) shutdown(ctx context.Context) error {
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	p.closed.Store(true)
	p.exporter.closing.Store(true)
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
		p.exporter.stop(fmt.Errorf("no answer in time: %w", ctx.Err()))
		grace := time.NewTimer(shutdownGrace)
		defer grace.Stop()
		select {
		case <-done:
		case <-grace.C:
		}
	}
	p.exporter.closeIdle()
	if lost := int(p.ended.Load() - p.exporter.taken.Load()); lost > 0 {
		return p.exporter.lost(lost)
	}
	return nil
}

func withDefaultTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, shutdownTimeout)
}

// countingExporter counts what the collector took and keeps the last error. It reports the first of several failed
// exports in a row.
type countingExporter struct {
	next      sdktrace.SpanExporter
	closeIdle func()
	endpoint  string
	redact    func(string) string

	closing atomic.Bool  // Shutdown has begun; errors are returned by it and not reported
	failing atomic.Bool  // the last export failed and was reported
	taken   atomic.Int64 // spans
	failed  atomic.Int64 // spans

	mu      sync.Mutex
	last    error                   // why an export failed
	stopped error                   // why no more exports are made; nil: they are
	running context.CancelCauseFunc // cancels the export that runs; nil: none does
}

// ExportSpans always returns nil: the batch processor would do nothing but report each error.
func (e *countingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	answer := &reply{last: e.closing.Load()}
	err := e.export(withReply(ctx, answer), spans)
	rejected := 0
	switch {
	case answer.taken:
		rejected = min(answer.rejected, len(spans))
	case err != nil:
		rejected = len(spans)
	}
	e.taken.Add(int64(len(spans) - rejected))
	e.failed.Add(int64(rejected))
	if err == nil {
		e.failing.Store(false)
		return nil
	}
	e.keep(err)
	if !e.closing.Load() && !e.failing.Swap(true) {
		report(fmt.Errorf("telemetry: spans are not exported to %s: %w", e.endpoint, err))
	}
	return nil
}

// export runs on the batch processor's goroutine, where a panic would end the program.
func (e *countingExporter) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the exporter panicked: %v", r)
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := e.begin(cancel); err != nil {
		return err
	}
	err = e.next.ExportSpans(ctx, presentable(spans, e.redact))
	if stopped := e.begin(nil); err != nil && stopped != nil {
		return fmt.Errorf("%w (%v)", stopped, err)
	}
	return err
}

// begin sets how the export that runs is cancelled, and returns why no more exports are made.
func (e *countingExporter) begin(cancel context.CancelCauseFunc) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = cancel
	return e.stopped
}

// stop cancels the export that runs, and makes all later ones fail at once.
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

func (e *countingExporter) lost(n int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.last
	if err == nil {
		err = errQueueFull
	}
	return &ExportError{NotExported: n, Endpoint: e.endpoint, Err: err}
}
