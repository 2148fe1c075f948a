package doctor

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
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
		e.found("sampler", Note, "to see every trace: "+e.sampleAll(),
			"%s%s: %.3g%% of the new traces are exported; events.jsonl has all of them", s.Value, by, share*100)
	default:
		e.found("sampler", Problem, e.sampleAll(), "%s%s: no new trace is exported", s.Value, by)
	}
}

// sampleAll is how whoever chose the sampler has every trace exported.
func (e *exam) sampleAll() string {
	const sampler = "OTEL_TRACES_SAMPLER"
	switch from := e.seen.Sampler.From; {
	case from == sampler && e.seen.RootSampler == "traceidratio":
		return "unset " + sampler + ", or " + sampler + "_ARG=1"
	case from == sampler:
		return "unset " + sampler
	case strings.HasPrefix(from, "--"):
		return from + " 1, or leave it out"
	case from == "BACKSPAN_SAMPLE":
		return "unset " + from + ", or set it to 1"
	default: // a line of the configuration file
		return "1 there, or nothing"
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

// redaction reports what is masked in error texts, and who said so.
func (e *exam) redaction() {
	const kept = "passwords and tokens in error texts are masked"
	switch list := e.Setup.Redact; {
	case len(list) == 0:
		e.found("redaction", OK, "", "%s (default)", kept)
	case list[0] == telemetry.Off:
		e.found("redaction", Note, "leave it out, or give regular expressions of what is to be masked besides",
			"%s is off: error texts are written and exported with the passwords and tokens in them", e.Source("Redact"))
	default:
		shown := make([]string, len(list))
		for i, expression := range list {
			shown[i] = e.Config.Redact(expression) // it may be the secret itself
		}
		e.found("redaction", OK, "", "%s, and what matches %s (%s)", kept, strings.Join(shown, " or "),
			e.Source("Redact"))
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
	if e.discovers() {
		text += ", if " + whoMayListen()
	}
	if len(d.Headers) > 0 {
		text += ", headers " + strings.Join(slices.Sorted(maps.Keys(d.Headers)), ", ")
	}
	if d.Proxy != "" {
		text += ", by way of the proxy " + d.Proxy
	}
	e.found("endpoint", OK, "", "%s", text)
	if w := cmp.Or(e.Withheld, d.Withheld); w != nil {
		e.found("endpoint", Note, "", "%v", w)
	}
	e.contradictions()
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

// metrics reports where metrics are sent, where a variable says that they are.
func (e *exam) metrics() {
	m := e.seen.Metrics
	errs := m.Errors()
	for _, err := range errs {
		e.bad("metrics", err)
	}
	if len(errs) > 0 || m.Exporter.Value == otelenv.ExporterNone {
		return
	}
	to := "are printed"
	if m.Exporter.Value == otelenv.ExporterOTLP {
		to = "go to " + m.Endpoint.Value + by(m.Endpoint, " (default)") + ", " + m.Target.Protocol
		if m.Withheld != nil {
			e.found("metrics", Note, "", "%v", m.Withheld)
		}
	}
	e.found("metrics", OK, "", "metrics %s, every %v%s", to, m.Interval, by(m.Exporter, ""))
}

// discovers reports whether a collector is looked for on this machine, as nobody named one.
func (e *exam) discovers() bool { return e.Config.Discover && e.seen.Endpoint.From == "" }

// whoMayListen says whose listener is taken for a collector that nobody named.
func whoMayListen() string {
	if runtime.GOOS != "linux" {
		return "somebody listens there; this system does not tell whose process it is"
	}
	return "this user or root listens there"
}

// contradictions notes what is odd about an endpoint that can be used. The test span tells whether it works.
func (e *exam) contradictions() {
	t, isGRPC, from := e.seen.Target, e.seen.Target.Protocol == otelenv.GRPC, e.seen.Endpoint.From
	switch _, port, _ := net.SplitHostPort(t.Address); {
	case from == "" || t.Network != "tcp":
	case !isGRPC && e.seen.AsIs() && t.Path == "/":
		e.found("endpoint", Note, "append it: "+e.complete(),
			"%s is used as it is, without /v1/traces, where collectors take spans", from)
	case e.seen.Stated.Path && port == grpcPort:
		e.found("endpoint", Note, e.eitherWay(),
			"port %s is that of gRPC, which has no paths, and %s is one of HTTP", port, t.Path)
	case !e.seen.Stated.Port && !t.TLS && e.seen.Stated.Scheme:
		e.found("endpoint", Note, e.eitherWay(), "it has no port, and so it is %s, that of web servers", port)
	}
}

const (
	grpcPort = "4317"
	httpPort = "4318"
)

// complete is a setting for an endpoint variable that is used as it is, with the path that it lacks.
func (e *exam) complete() string {
	t := e.seen.Target
	t.Path = "/v1/traces"
	return e.seen.Endpoint.From + "=" + t.String()
}

// eitherWay are the endpoints of a collector on this host, for gRPC and for HTTP.
func (e *exam) eitherWay() string {
	overHTTP := withPort(e.seen.Target, httpPort)
	if e.seen.AsIs() {
		overHTTP += "/v1/traces"
	}
	return withPort(e.seen.Target, grpcPort) + " for gRPC, or " + overHTTP + " for HTTP"
}
