package retrygrpc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
	"github.com/backspan/backspan/retry/retrytest"
)

// Clients of one target have one budget; another target has another one.
func TestBudgetOfATarget(t *testing.T) {
	down, other := serve(t, failing(1_000, unavailable)), serve(t, failing(1_000, unavailable))
	options := retrygrpc.DialOptions(retrygrpc.Options{Policy: quick()})
	one, two := connect(t, down.addr, options...), connect(t, down.addr, options...)
	for range 5 { // two retries each: that is all that a budget has
		if _, err := call(t.Context(), one, "GetThing", "x"); !errors.Is(err, retry.ErrExhausted) {
			t.Fatal(err)
		}
		one, two = two, one
	}
	ctx, rec := retrytest.Record(t, t.Context())
	before := len(down.got())
	_, err := call(ctx, one, "GetThing", "x")
	if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrBudget || len(down.got()) != before+1 {
		t.Errorf("error %v after %d requests, want the budget spent", err, len(down.got())-before)
	}
	name := attribute.String("retry.budget.name", "dns:///"+down.addr)
	if spans := rec.Spans(); !slices.Contains(spans[len(spans)-1].Attributes(), name) {
		t.Errorf("%s: %v, want %v", spans[len(spans)-1].Name(), spans[len(spans)-1].Attributes(), name)
	}
	_, err = call(t.Context(), connect(t, other.addr, options...), "GetThing", "x")
	if !errors.Is(err, retry.ErrExhausted) {
		t.Errorf("another target: %v", err)
	}
}

func TestNoBudget(t *testing.T) {
	full, err := retry.NewBudget(retry.BudgetOptions{Name: "shared", Capacity: 1_000})
	if err != nil {
		t.Fatal(err)
	}
	shared := quick()
	shared.Budget = full
	for _, o := range []retrygrpc.Options{
		{Policy: quick(), NoBudget: true},
		{Policy: shared},
		{Policy: shared, NoBudget: true},
	} {
		s := serve(t, failing(1_000, unavailable))
		conn := dial(t, s.addr, o)
		for range 20 {
			if _, err := call(t.Context(), conn, "GetThing", "x"); !errors.Is(err, retry.ErrExhausted) {
				t.Fatal(err)
			}
		}
	}
	if got := full.Tokens(); got != 1_000-80 {
		t.Errorf("the policy's own budget has %v tokens", got)
	}
}

// Beyond a thousand targets new ones share a budget: what is kept does not grow for ever.
func TestManyTargets(t *testing.T) {
	intercept := retrygrpc.UnaryClientInterceptor(retrygrpc.Options{})
	failed := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
		return status.Error(codes.NotFound, "")
	}
	names := map[string]int{}
	for i := range 1_010 {
		ctx, rec := retrytest.Record(t, t.Context())
		conn := connect(t, fmt.Sprintf("passthrough:///%d", i)) // idle: nobody dials
		if err := intercept(ctx, service+"GetThing", nil, nil, conn, failed); status.Code(err) != codes.NotFound {
			t.Fatal(err)
		}
		for _, span := range rec.Spans() {
			set := attribute.NewSet(span.Attributes()...)
			if name, ok := set.Value("retry.budget.name"); ok {
				names[name.AsString()]++
			}
		}
	}
	if names["other targets"] != 10 || names["passthrough:///0"] != 1 || len(names) != 1_001 {
		t.Errorf("%d budgets, %d calls with that of the others", len(names), names["other targets"])
	}
}
