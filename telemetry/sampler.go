package telemetry

import (
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/scope"
)

// Sampler wraps base so that Backspan's spans reach span processors also when base drops them: its Drop becomes
// RecordOnly for them, and for them alone. They are still not exported, and spans of other instrumentation are
// decided by base as before, at no cost unless they are dropped.
//
// It must be the outermost sampler: inside sdktrace.ParentBased it would not be asked about most spans. Start uses
// it by itself; it is exported for programs with a TracerProvider of their own, together with NewEventLog.
func Sampler(base sdktrace.Sampler) sdktrace.Sampler { return sampler{base} }

type sampler struct{ base sdktrace.Sampler }

func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := s.base.ShouldSample(p)
	if result.Decision == sdktrace.Drop && scope.Starting(p.ParentContext) != "" {
		result.Decision = sdktrace.RecordOnly
	}
	return result
}

func (s sampler) Description() string { return "Backspan{" + s.base.Description() + "}" }

const wantSampler = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or " +
	"parentbased_traceidratio"

// newSampler understands the names of OTEL_TRACES_SAMPLER. The SDK would read the variable itself, but not when a
// sampler is given to it, as the wrapper must be.
func newSampler(name, arg setting) (sdktrace.Sampler, error) {
	switch strings.ToLower(name.value) {
	case "", "parentbased_always_on":
		return sdktrace.ParentBased(sdktrace.AlwaysSample()), nil
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample()), nil
	case "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio":
		return ratioSampler(arg)
	case "parentbased_traceidratio":
		ratio, err := ratioSampler(arg)
		if err != nil {
			return nil, err
		}
		return sdktrace.ParentBased(ratio), nil
	case "jaeger_remote", "parentbased_jaeger_remote", "xray":
		return nil, name.bad(wantSampler+"; samplers that ask a server are not supported", nil)
	}
	return nil, name.bad(wantSampler, nil)
}

func ratioSampler(arg setting) (sdktrace.Sampler, error) {
	if !arg.isSet() {
		return sdktrace.TraceIDRatioBased(1), nil
	}
	ratio, err := strconv.ParseFloat(arg.value, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) { // NaN fails every comparison
		return nil, arg.bad("a number from 0 to 1", nil)
	}
	return sdktrace.TraceIDRatioBased(ratio), nil
}
