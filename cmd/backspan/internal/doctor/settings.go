package doctor

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/otelenv"
)

// settings reports the bad settings that no other check is about.
func (e *exam) settings() {
	errs := slices.Concat(e.seen.SDKErrs, e.seen.OTLPErrs)
	for _, err := range errs {
		e.bad("settings", err)
	}
	d := e.seen
	switch others := errors.Join(d.Sampler.Err, d.Propagators.Err, d.Disabled.Err, d.Exporter.Err, d.Endpoint.Err); {
	case len(errs) > 0:
	case others != nil:
		e.found("settings", OK, "", "flags, variables and configuration file can be used, but for what is named below")
	default:
		e.found("settings", OK, "", "flags, variables and configuration file can be used")
	}
}

func (e *exam) service() {
	s := e.seen.Service
	if s.From == "" {
		e.found("service", OK, "",
			"%q, the program's name; other programs have theirs unless OTEL_SERVICE_NAME is set", s.Value)
		return
	}
	e.found("service", OK, "", "%q%s", s.Value, by(s, ""))
}

// sampler reports what share of the traces is exported, and whether a parent in another process decides that.
func (e *exam) sampler() {
	s := e.seen.Sampler
	if s.Err != nil {
		e.bad("sampler", s.Err)
		return
	}
	by := by(s, " (default)")
	if parent := os.Getenv("TRACEPARENT"); parent != "" {
		e.parent(parent)
	}
	switch share := e.seen.Share; {
	case share >= 1:
		e.found("sampler", OK, "", "%s%s: every new trace is exported", s.Value, by)
	case share > 0:
		e.found("sampler", Note, "to see every trace: OTEL_TRACES_SAMPLER=parentbased_always_on or --sample 1",
			"%s%s: %.3g%% of the new traces are exported; events.jsonl has all of them", s.Value, by, share*100)
	default:
		e.found("sampler", Problem, "unset OTEL_TRACES_SAMPLER, or --sample 1",
			"%s%s: no new trace is exported", s.Value, by)
	}
}

// parent checks the span of the parent process, which TRACEPARENT names.
func (e *exam) parent(header string) {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": header})
	parent := trace.SpanContextFromContext(ctx)
	switch {
	case !parent.IsValid():
		e.found("parent", Problem, "unset TRACEPARENT, or correct what sets it: 00-<32 hex digits>-<16 hex digits>-01",
			"TRACEPARENT is %q, which is no trace context: spans begin traces of their own", header)
	case !parent.IsSampled() && e.seen.ParentDecides:
		e.found("parent", Problem, "have the parent sampled, or use OTEL_TRACES_SAMPLER=always_on",
			"TRACEPARENT says that trace %s is not sampled, and the sampler obeys: nothing below it is exported",
			parent.TraceID())
	default:
		e.found("parent", OK, "", "spans join trace %s (TRACEPARENT)", parent.TraceID())
	}
}

func (e *exam) propagators() {
	s := e.seen.Propagators
	switch by := by(s, " (default)"); {
	case s.Err != nil:
		e.bad("propagators", s.Err)
	case !slices.Contains(e.seen.PropagatorNames, "tracecontext"):
		e.found("propagators", Note, "unset OTEL_PROPAGATORS, or add tracecontext to it",
			"%s%s: without tracecontext, traces do not go on in programs that use the W3C's headers", s.Value, by)
	default:
		e.found("propagators", OK, "", "%s%s", s.Value, by)
	}
}

// export reports whether spans are sent. If not, the checks of the collector make no sense.
func (e *exam) export() bool {
	const variable = "OTEL_TRACES_EXPORTER"
	off, exporter := e.seen.Disabled, e.seen.Exporter
	means := "no span leaves this machine"
	if exporter.Value == otelenv.ExporterConsole {
		means = "spans are printed and not sent"
	}
	switch {
	case off.Err != nil:
		e.bad("export", off.Err)
	case off.Value == "true":
		e.found("export", Problem, "unset OTEL_SDK_DISABLED",
			"OTEL_SDK_DISABLED is true: there are no spans and no events at all")
	case exporter.Err != nil:
		e.bad("export", exporter.Err)
	case exporter.Value == otelenv.ExporterOTLP:
		e.found("export", OK, "", "spans are sent with OTLP")
		return true
	case exporter.From == variable:
		e.found("export", Problem, "unset "+variable+", or set it to otlp",
			"%s is %s: %s", variable, exporter.Value, means)
	default:
		e.found("export", Problem, "leave it out", "%s: %s", exporter.From, means)
	}
	return false
}

// endpoint reports where the exporter sends to.
func (e *exam) endpoint() bool {
	d := e.seen
	if d.Endpoint.Err != nil {
		e.bad("endpoint", d.Endpoint.Err)
		return false
	}
	text := d.Endpoint.Value + by(d.Endpoint, " (default)") + ", " + d.Target.Protocol
	if d.Target.TLS {
		text += " with TLS"
	} else {
		text += " without TLS"
	}
	if len(d.Headers) > 0 {
		text += ", headers " + strings.Join(slices.Sorted(maps.Keys(d.Headers)), ", ")
	}
	if d.Proxy != "" {
		text += ", by way of the proxy " + d.Proxy
	}
	e.found("endpoint", OK, "", "%s", text)
	for _, bad := range d.Schemeless {
		text := "which backspan understands and other programs misread"
		if bad.Err != nil {
			text += `; OpenTelemetry's exporter logs an error for it, "parse url"`
		}
		e.found("endpoint", Note, "want "+bad.Want+", which every program reads alike",
			"%s is %q, without a scheme, %s", bad.Field, bad.Value, text)
	}
	return true
}
