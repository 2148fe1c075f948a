package telemetry

import (
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"
)

// newPropagator reads OTEL_PROPAGATORS; the default is W3C trace context and baggage. Session and phase are in
// neither: they would tell strangers.
func newPropagator() (propagation.TextMapPropagator, error) {
	s := fromEnv("OTEL_PROPAGATORS")
	if !s.isSet() {
		return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}), nil
	}
	var names []string
	for name := range strings.SplitSeq(s.value, ",") {
		names = append(names, strings.TrimSpace(name))
	}
	p, err := autoprop.TextMapPropagator(names...)
	if err != nil {
		return nil, s.bad("a list of tracecontext, baggage, b3, b3multi, jaeger, xray, ottrace, or none", err)
	}
	return p, nil
}
