package telemetry

import (
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/scope"
)

// Sampler wraps base so that span processors see Backspan's spans also when base drops them: for these spans Drop
// becomes RecordOnly. They are still not exported. For spans of other instrumentation base decides alone.
//
// It must be the outermost sampler: sdktrace.ParentBased does not ask the samplers in it about most spans. Start uses
// it. A program with a TracerProvider of its own needs it together with [NewEventLog] or [NewTraceFile].
func Sampler(base sdktrace.Sampler) sdktrace.Sampler { return &sampler{base} }

type sampler struct{ base sdktrace.Sampler }

func (s *sampler) ShouldSample(p sdktrace.SamplingParameters) (result sdktrace.SamplingResult) {
	result = s.base.ShouldSample(p)
	if result.Decision == sdktrace.Drop && scope.Starting(p.ParentContext) != "" {
		result.Decision = sdktrace.RecordOnly
	}
	return result
}

func (s *sampler) Description() string { return "Backspan{" + s.base.Description() + "}" }

// newSampler makes what OTEL_TRACES_SAMPLER names. The SDK reads the variable only when it is given no sampler.
func newSampler(env otelenv.Settings) sdktrace.Sampler {
	var root sdktrace.Sampler
	switch env.RootSampler {
	case "always_on":
		root = sdktrace.AlwaysSample()
	case "always_off":
		root = sdktrace.NeverSample()
	default:
		root = sdktrace.TraceIDRatioBased(env.Share)
	}
	if env.ParentDecides {
		return sdktrace.ParentBased(root)
	}
	return root
}
