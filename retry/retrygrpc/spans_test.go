package retrygrpc_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
	"github.com/backspan/backspan/retry/retrytest"
)

// otelgrpc's stats handler below ours gives each attempt a CLIENT span, whatever the order of the options.
func TestClientSpansBelowAttempts(t *testing.T) {
	for _, kind := range []string{"unary", "server stream"} {
		s := serve(t, failing(1, unavailable))
		ctx, rec := retrytest.Record(t, t.Context())
		otel := grpc.WithStatsHandler(otelgrpc.NewClientHandler(
			otelgrpc.WithTracerProvider(trace.SpanFromContext(ctx).TracerProvider())))
		options := append([]grpc.DialOption{otel}, retrygrpc.DialOptions(retrygrpc.Options{Policy: quick()})...)
		conn := connect(t, s.addr, options...)
		if kind == "unary" {
			if _, err := call(ctx, conn, "GetThing", "x"); err != nil {
				t.Fatal(err)
			}
		} else if _, err := list(ctx, conn, "ListThings", "x"); err != nil {
			t.Fatal(err)
		}
		names := map[trace.SpanID]string{}
		for _, span := range rec.Spans() {
			names[span.SpanContext().SpanID()] = span.Name()
		}
		var parents []string
		for _, span := range rec.Spans() {
			if span.SpanKind() == trace.SpanKindClient {
				parents = append(parents, names[span.Parent().SpanID()])
			}
			if strings.HasPrefix(span.Name(), "attempt ") && kind == "server stream" &&
				!slices.Contains(span.Attributes(), attribute.String("retry.until", "response headers")) {
				t.Errorf("%s: no retry.until on %s: %v", kind, span.Name(), span.Attributes())
			}
		}
		slices.Sort(parents)
		if want := []string{"attempt 1", "attempt 2"}; !slices.Equal(parents, want) {
			t.Errorf("%s: the client spans are below %q, want %q\n%s", kind, parents, want, rec.Tree())
		}
	}
}

// The order of the options says which interceptors run for each attempt.
func TestInterceptorsWithinAndAround(t *testing.T) {
	counter := func(n *int) grpc.DialOption {
		return grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
			cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
		) error {
			*n++
			return invoker(ctx, method, req, reply, cc, opts...)
		})
	}
	s := serve(t, failing(2, unavailable))
	var around, within int
	options := append([]grpc.DialOption{counter(&around)}, retrygrpc.DialOptions(retrygrpc.Options{Policy: quick()})...)
	conn := connect(t, s.addr, append(options, counter(&within))...)
	if _, err := call(t.Context(), conn, "GetThing", "x"); err != nil {
		t.Fatal(err)
	}
	if around != 1 || within != 3 {
		t.Errorf("around: %d calls, within: %d; want 1 and 3", around, within)
	}
}

func TestOwnName(t *testing.T) {
	s := serve(t, failing(0, nil))
	ctx, rec := retrytest.Record(t, t.Context())
	options := retrygrpc.Options{Name: func(m string) string { return "things" + m }}
	_, err := call(ctx, dial(t, s.addr, options), "GetThing", "x")
	if got := rec.Outcomes("things" + service + "GetThing"); err != nil || !slices.Equal(got, []string{"success"}) {
		t.Errorf("error %v, outcomes %q:\n%s", err, got, rec.Tree())
	}
}

// A later change of the policy that was passed has no effect on a client.
func TestPolicyIsCopied(t *testing.T) {
	s := serve(t, failing(9, unavailable))
	policy := quick()
	conn := dial(t, s.addr, retrygrpc.Options{Policy: policy})
	policy.MaxRetries = retry.Never
	_, err := call(t.Context(), conn, "GetThing", "x")
	if got := len(s.got()); got != 3 {
		t.Errorf("%d requests, want 3: %v", got, err)
	}
}
