package scope_test

import (
	"context"
	"testing"

	"github.com/backspan/backspan/internal/scope"
)

type key struct{}

func TestTheInnermostFrameCounts(t *testing.T) {
	ctx := context.WithValue(t.Context(), key{}, "kept")
	if got := scope.From(ctx); got != (scope.Frame{}) {
		t.Errorf("a frame from nowhere: %+v", got)
	}
	outer := scope.With(ctx, scope.Frame{Session: "s", Phase: "p", Starting: "operation"})
	inner := scope.With(outer, scope.Frame{Session: "s", Depth: 1})
	if got := scope.From(outer); got.Phase != "p" || scope.Starting(outer) != "operation" {
		t.Errorf("outer frame: %+v", got)
	}
	if got := scope.From(inner); got != (scope.Frame{Session: "s", Depth: 1}) || scope.Starting(inner) != "" {
		t.Errorf("inner frame: %+v", got)
	}
	if inner.Value(key{}) != "kept" {
		t.Error("a frame hides the other values of the context")
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	with := scope.With(t.Context(), scope.Frame{Starting: "attempt"})
	if n := testing.AllocsPerRun(100, func() { scope.Starting(with); scope.From(with) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
