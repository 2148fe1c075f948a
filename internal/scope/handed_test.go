package scope

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace/noop"
)

// asked counts how often a value is looked up.
type asked struct {
	context.Context
	times int
}

func (a *asked) Value(key any) any {
	a.times++
	return a.Context.Value(key)
}

// To look something up in a deep context takes as long as all else that an operation does that nobody traces.
func TestNobodyLooksForAProviderThatWasNeverHandedDown(t *testing.T) {
	before := handed.Swap(false)
	defer func() { handed.Store(before) }()

	ctx := &asked{Context: t.Context()}
	var layers Layers
	for name, around := range map[string]context.Context{
		"outside":      ctx,
		"a frame":      With(ctx, Frame{Session: "s"}),
		"an operation": layers.Operation(ctx, "operation", nil),
		"its attempt":  layers.Untraced(ctx, Attempt{Number: 1}),
	} {
		if p := Provider(around); p != nil || ctx.times != 0 {
			t.Errorf("%s: provider %v after %d lookups, want none after 0", name, p, ctx.times)
		}
	}

	provider := noop.NewTracerProvider()
	for name, hand := range map[string]func() context.Context{
		"a frame":      func() context.Context { return With(ctx, Frame{Provider: provider}) },
		"an operation": func() context.Context { return new(Layers).Operation(ctx, "operation", provider) },
	} {
		handed.Store(false)
		if Provider(hand()) != provider {
			t.Errorf("%s: the provider that it handed down was not found", name)
		}
	}
}
