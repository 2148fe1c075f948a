package retrygrpc

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/backspan/backspan/retry"
)

// Options say how calls are retried. The zero Options work.
//
// All functions must be safe for concurrent use. fullMethod is as gRPC spells it: "/pkg.Service/Method".
type Options struct {
	// Policy says how often and after what waits. nil means DefaultPolicy(). Its Retryable, where there is one, is
	// asked too: both must say yes. Its AttemptTimeout bounds an attempt of a unary call, which the server is told as
	// the deadline; of a stream it bounds what is retried, not the stream. A policy that cannot be used makes every
	// call fail with code Internal and a *retry.FieldError before anything is sent; Policy.Validate tells earlier.
	Policy *retry.Policy

	// Name returns the name of a call's operation, of which there should be few. nil means "pkg.Service/Method".
	Name func(fullMethod string) string

	// Retryable says whether a failure of this kind is worth another attempt. The error is that of an attempt, with its
	// status. nil means the function Retryable.
	Retryable func(error) bool

	// Resend says whether the server may get a call of this method twice. nil means the function Resend.
	Resend func(fullMethod string) bool

	// NoBudget leaves out the retry.Budget that all calls to one target share, unless Policy.Budget is one for all
	// targets. A program that makes few calls, such as a command line, should set it: its successes do not pay for
	// retries, and after 10 that failed there are no more.
	NoBudget bool
}

// DefaultPolicy returns the policy of the zero Options: 2 retries, 100ms × 2 with full jitter.
func DefaultPolicy() retry.Policy {
	return retry.Policy{MaxRetries: 2, BaseDelay: 100 * time.Millisecond, Jitter: retry.FullJitter}
}

// DialOptions returns what makes grpc.NewClient retry all calls of the client by o.
func DialOptions(o Options) []grpc.DialOption {
	c := newCaller(o)
	return []grpc.DialOption{
		grpc.WithDisableRetry(),
		grpc.WithStatsHandler(statsHandler{}),
		grpc.WithChainUnaryInterceptor(c.unary),
		grpc.WithChainStreamInterceptor(c.stream),
	}
}

// UnaryClientInterceptor returns the interceptor of DialOptions for unary calls, for those who cannot pass DialOptions.
// Alone it cannot know what was sent: it sends again only what Resend allows and what the server asks for. And it
// cannot turn gRPC's own retries off: use grpc.WithDisableRetry.
func UnaryClientInterceptor(o Options) grpc.UnaryClientInterceptor { return newCaller(o).unary }

// StreamClientInterceptor is UnaryClientInterceptor for streams.
func StreamClientInterceptor(o Options) grpc.StreamClientInterceptor { return newCaller(o).stream }

// A caller makes calls by its options, with defaults filled in.
type caller struct {
	policy    retry.Policy
	invalid   error // why the policy cannot be used
	name      func(string) string
	retryable func(error) bool
	resend    func(string) bool
	budgets   *budgets // nil: none of its own
}

func newCaller(o Options) *caller {
	c := &caller{policy: DefaultPolicy(), name: o.Name, retryable: o.Retryable, resend: o.Resend}
	if o.Policy != nil {
		c.policy = *o.Policy
	}
	if err := c.policy.Validate(); err != nil {
		c.invalid = &statusError{err, codes.Internal}
	}
	if c.name == nil {
		c.name = func(fullMethod string) string { return strings.TrimPrefix(fullMethod, "/") }
	}
	if c.retryable == nil {
		c.retryable = Retryable
	}
	if c.resend == nil {
		c.resend = Resend
	}
	if c.policy.Budget == nil && !o.NoBudget {
		c.budgets = new(budgets)
	}
	also := c.policy.Retryable
	c.policy.Retryable = func(err error) bool {
		f := failureIn(err)
		return f != nil && f.again && (also == nil || also(err))
	}
	return c
}

// unary is a grpc.UnaryClientInterceptor.
func (c *caller) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if c.invalid != nil {
		return c.invalid
	}
	call := newCall(c, cc, method, opts)
	err := call.do(ctx, func(ctx context.Context, a *attempt) error {
		call.clearOutputs()
		err := invoker(ctx, method, req, reply, cc, call.with(grpc.Trailer(&a.trailer))...)
		if deadline, ok := ctx.Deadline(); ok && c.policy.AttemptTimeout > 0 {
			a.timedOut = !time.Now().Before(deadline) // of the caller's deadline package retry takes care
		}
		return err
	})
	call.finished(err)
	return err
}

// stream is a grpc.StreamClientInterceptor.
func (c *caller) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if c.invalid != nil {
		return nil, c.invalid
	}
	o := &opener{call: newCall(c, cc, method, opts), timeout: c.policy.AttemptTimeout}
	o.policy.AttemptTimeout = 0 // as a deadline it would be the stream's
	o.open = func(ctx context.Context, opts []grpc.CallOption) (grpc.ClientStream, error) {
		return streamer(ctx, desc, cc, method, opts...)
	}
	if desc.ClientStreams {
		return o.opened(ctx)
	}
	return newServerStream(ctx, o), nil
}
