package retrygrpc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// An opener opens the streams of one call, one for each attempt.
type opener struct {
	*call
	open    func(context.Context, []grpc.CallOption) (grpc.ClientStream, error)
	timeout time.Duration // of an attempt; 0: none
	last    *lifetime     // of the stream of the last attempt
}

// opened opens a stream for the caller. Nothing of what he sends on it later is kept, so only this is retried.
func (o *opener) opened(ctx context.Context) (grpc.ClientStream, error) {
	var stream grpc.ClientStream
	err := o.until(ctx, untilOpened, func(ctx context.Context, _ *attempt) (err error) {
		stream, err = o.stream(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// until makes attempts until one succeeds or is the last one. When it succeeded, its stream is the caller's: the
// timeout holds no longer.
func (o *opener) until(ctx context.Context, what string, try func(context.Context, *attempt) error) error {
	err := o.do(ctx, func(ctx context.Context, a *attempt) error {
		trace.SpanFromContext(ctx).SetAttributes(untilKey.String(what))
		ctx, cancel := context.WithCancelCause(ctx)
		o.last = newLifetime(o.timeout, cancel)
		err := try(ctx, a)
		if !o.last.handOver() && (err == nil || status.Code(err) == codes.Canceled) {
			a.timedOut = true
			err = status.Errorf(codes.DeadlineExceeded, "no %s within the AttemptTimeout of %v", what, o.timeout)
		}
		if err != nil {
			o.last.end(err)
		}
		return err
	})
	if err != nil || o.last == nil {
		o.finished(err)
	} else {
		o.last.then(o.finished)
	}
	return err
}

// stream opens the stream of the current attempt.
func (o *opener) stream(ctx context.Context) (grpc.ClientStream, error) {
	return o.open(ctx, o.with(grpc.OnFinish(o.last.end)))
}

// A lifetime is that of one stream. Its context has no deadline of the attempt, because gRPC would keep it for the
// whole stream; a timer ends the context instead.
type lifetime struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer // nil: no timeout
	state  atomic.Int32

	mu    sync.Mutex
	ended bool
	err   error
	after func(error)
}

// The states of a lifetime.
const (
	attempting int32 = iota
	handedOver       // to the caller; the timeout holds no longer
	timedOut
)

var errAttemptTimeout = errors.New("Policy.AttemptTimeout has passed")

func newLifetime(timeout time.Duration, cancel context.CancelCauseFunc) *lifetime {
	l := &lifetime{cancel: cancel}
	if timeout > 0 {
		l.timer = time.AfterFunc(timeout, func() {
			if l.state.CompareAndSwap(attempting, timedOut) {
				cancel(errAttemptTimeout)
			}
		})
	}
	return l
}

// handOver ends the timeout, unless that has ended the stream.
func (l *lifetime) handOver() bool {
	if l.timer != nil {
		l.timer.Stop()
	}
	return l.state.CompareAndSwap(attempting, handedOver)
}

// end is called when the stream has ended.
func (l *lifetime) end(err error) {
	l.mu.Lock()
	first := !l.ended
	l.ended = true
	if first {
		l.err = err
	}
	after := l.after
	l.mu.Unlock()
	l.cancel(nil)
	if first && after != nil {
		after(err)
	}
}

// then calls f when the stream has ended, at once if it has.
func (l *lifetime) then(f func(error)) {
	l.mu.Lock()
	l.after = f
	ended, err := l.ended, l.err
	l.mu.Unlock()
	if ended {
		f(err)
	}
}
