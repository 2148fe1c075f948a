package telemetry

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/propagation"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func TestPropagatorsByName(t *testing.T) {
	for value, want := range map[string][]string{
		"b3":                     {"b3"},
		"tracecontext , baggage": {"traceparent", "tracestate", "baggage"},
		"jaeger,xray":            {"uber-trace-id", "X-Amzn-Trace-Id"},
		"ottrace":                {"ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"},
		"none":                   nil,
		"tracecontext,b3multi": {
			"traceparent", "tracestate", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags",
		},
	} {
		t.Setenv("OTEL_PROPAGATORS", value)
		env := otelenv.Read(otelenv.Program{})
		p, err := newPropagator(env)
		if err != nil || env.Propagators.Err != nil || !sameSet(p.Fields(), want) {
			t.Errorf("%s: %q, error %v, want %q", value, p.Fields(), err, want)
		}
	}
}

// Session and phase are not propagated: baggage would tell them to strangers.
func TestNothingOfOursIsPropagated(t *testing.T) {
	cfg := quiet(t)
	tel := run(t, cfg)
	ctx := scope.With(t.Context(), scope.Frame{Session: runSession, Phase: "data_phase"})
	ctx, span := begin(ctx, tel.TracerProvider(), semconv.KindOperation, "data_load")
	defer span.End()
	carrier := propagation.MapCarrier{}
	tel.Propagator().Inject(ctx, carrier)
	if len(carrier) != 1 || carrier["traceparent"] == "" {
		t.Errorf("%v, want a traceparent and nothing else", carrier)
	}
}
