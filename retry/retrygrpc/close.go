package retrygrpc

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/backspan/backspan/retry"
)

// errClosed is why a call ended in a wait although its context did not.
var errClosed = errors.New("the client's connection was closed in the wait")

// A closing ends the context of a loop when its client is closed in a wait. In an attempt gRPC itself ends the call.
type closing struct {
	cc   *grpc.ClientConn // nil: in tests of interceptors
	end  context.CancelCauseFunc
	stop context.CancelFunc // watching; nil: no wait was begun
}

// watch returns the context of a loop that ends so. leave must be called when nothing below it is used any more.
func watch(ctx context.Context, cc *grpc.ClientConn, p *retry.Policy) (loop context.Context, c *closing) {
	c = &closing{cc: cc}
	loop, c.end = context.WithCancelCause(ctx)
	own := p.AfterAttempt
	p.AfterAttempt = func(ctx context.Context, a retry.Attempt) {
		if own != nil {
			own(ctx, a)
		}
		if a.Err != nil && a.Stop == nil && a.NextDelay > 0 && cc != nil {
			ctx, c.stop = context.WithCancel(ctx)
			go c.wait(ctx)
		}
	}
	return loop, c
}

// wait returns when the client is closed, or ctx has ended.
func (c *closing) wait(ctx context.Context) {
	for {
		state := c.cc.GetState()
		if state == connectivity.Shutdown {
			c.end(errClosed)
			return
		}
		if !c.cc.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// attempting is called when the wait is over.
func (c *closing) attempting() {
	if c.stop != nil {
		c.stop()
	}
}

func (c *closing) leave() { c.end(nil) }
