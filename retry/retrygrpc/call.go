package retrygrpc

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/retry"
)

// The attributes that this package puts on the spans of attempts, beside those of package retry.
const (
	hiddenResendsKey = attribute.Key("rpc.hidden_resends") // how often gRPC itself resent the request; absent: never
	untilKey         = attribute.Key("retry.until")        // streams: what ends the attempt, see below
)

// The values of untilKey.
const (
	untilHeaders = "response headers"
	untilOpened  = "stream opened"
)

// previousAttemptsKey is the header of gRFC A6.
const previousAttemptsKey = "grpc-previous-rpc-attempts"

// A call is one call of the user: all its attempts.
type call struct {
	*caller
	policy   retry.Policy // the caller's, with the budget of the target
	cc       *grpc.ClientConn
	closing  *closing // of the loop
	method   string
	opts     []grpc.CallOption // the user's, but for those in onFinish
	onFinish []func(error)     // called once for the call, not for each attempt
}

func newCall(c *caller, cc *grpc.ClientConn, method string, opts []grpc.CallOption) *call {
	k := &call{caller: c, policy: c.policy, cc: cc, method: method, opts: opts}
	if c.budgets != nil {
		k.policy.Budget = c.budgets.of(cc)
	}
	if slices.ContainsFunc(opts, isOnFinish) {
		k.opts = slices.DeleteFunc(slices.Clone(opts), isOnFinish)
		for _, o := range opts {
			if o, ok := o.(grpc.OnFinishCallOption); ok {
				k.onFinish = append(k.onFinish, o.OnFinish)
			}
		}
	}
	return k
}

func isOnFinish(o grpc.CallOption) bool {
	_, ok := o.(grpc.OnFinishCallOption)
	return ok
}

// with returns the user's options and one more.
func (k *call) with(o grpc.CallOption) []grpc.CallOption { return append(slices.Clip(k.opts), o) }

// clearOutputs empties what an earlier attempt may have filled, so that in the end it is the last attempt's. gRPC fills
// it only when the attempt had a connection.
func (k *call) clearOutputs() {
	for _, o := range k.opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = nil
		case grpc.TrailerCallOption:
			*o.TrailerAddr = nil
		case grpc.PeerCallOption:
			*o.PeerAddr = peer.Peer{}
		}
	}
}

// finished is called when nothing of the call is used any more.
func (k *call) finished(err error) {
	k.closing.leave()
	for _, f := range k.onFinish {
		f(err)
	}
}

// do makes attempts until one succeeds or the policy gives up, and returns what the user gets. Then finished must be
// called.
func (k *call) do(ctx context.Context, try func(context.Context, *attempt) error) error {
	var loop context.Context
	loop, k.closing = watch(ctx, k.cc, &k.policy)
	returned := false
	defer func() {
		if !returned { // a panic
			k.closing.leave()
		}
	}()
	var over bool // the context had ended when the last attempt did
	err := retry.Do(loop, k.name(k.method), k.policy, func(below context.Context) error {
		k.closing.attempting()
		below, a := k.begin(below)
		err := k.end(below, a, try(below, a))
		over = ctx.Err() != nil
		return err
	})
	returned = true
	if err == nil {
		return nil
	}
	stopped, ok := errors.AsType[*retry.Error](err)
	switch {
	case !ok: // a *retry.FieldError
		return &statusError{err, codes.Internal}
	case errors.Is(stopped.Cause, errClosed):
		return &statusError{err, codes.Canceled}
	case over || ctx.Err() == nil:
		return err
	case stopped.Reason == retry.ErrCancelled || stopped.Reason == retry.ErrDeadline:
		return &statusError{err, status.FromContextError(ctx.Err()).Code()}
	}
	return err
}

// An attempt is one attempt of a call.
type attempt struct {
	number   int
	sent     sent
	trailer  metadata.MD // the server's; whoever makes the attempt sets it
	timedOut bool        // it ran into Policy.AttemptTimeout; likewise
}

func (k *call) begin(ctx context.Context) (context.Context, *attempt) {
	current, _ := retry.AttemptFromContext(ctx)
	a := &attempt{number: current.Number}
	if a.number > 1 {
		ctx = metadata.AppendToOutgoingContext(ctx, previousAttemptsKey, strconv.Itoa(a.number-1))
	}
	return context.WithValue(ctx, sentKey{}, &a.sent), a
}

// end tells package retry how an attempt ended; err is that of gRPC.
func (k *call) end(ctx context.Context, a *attempt, err error) error {
	if n := a.sent.resends.Load(); n > 0 {
		k.setAttribute(ctx, a, hiddenResendsKey.Int64(n))
	}
	if err == nil {
		return nil
	}
	f := &failure{err: err, wish: wishOf(err, a.trailer), timedOut: a.timedOut}
	switch {
	case f.wish.never:
		f.why = "the server asked for no further attempt"
	case !k.retryable(f):
	case f.wish.asked || a.sent.nothing() || k.resend(k.method):
		f.again = true
	default:
		f.why = "not sent again: the server may have acted on it, see Options.Resend"
	}
	return retry.After(f.wish.wait, f)
}

// setAttribute sets an attribute on the attempt's span. A first attempt below retry.FromFirstFailure has none yet, and
// the operation's span must have no key of RPCs.
func (k *call) setAttribute(ctx context.Context, a *attempt, kv attribute.KeyValue) {
	if k.policy.Spans == retry.EveryAttempt || a.number > 1 {
		trace.SpanFromContext(ctx).SetAttributes(kv)
	}
}
