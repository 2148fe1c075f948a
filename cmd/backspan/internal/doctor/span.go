package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// spanName is what the test span is called in Jaeger.
const spanName = "backspan doctor"

// testSpan sends a span as telemetry.Start's exporter does, and reports whether the collector took it.
func (e *exam) testSpan(ctx context.Context) {
	err := e.send(ctx)
	var config *telemetry.FieldError
	var export *telemetry.ExportError
	switch {
	case err == nil && e.report.TraceID != "":
		e.found("test span", OK, "", "taken by the collector: trace %s, service %q, span %q",
			e.report.TraceID, e.seen.Service.Value, spanName)
	case errors.As(err, &config):
		e.found("test span", Problem, "correct the settings first", "not sent")
	case errors.As(err, &export):
		e.refused(ctx, export)
	default:
		e.found("test span", Problem, "", "not sent: %v", err)
	}
}

// send sends the span, sampled in any case: another check reports what the sampler does.
func (e *exam) send(ctx context.Context) error {
	cfg := e.Config
	cfg.Events, cfg.TraceFile, cfg.Processors = telemetry.Off, "", nil
	cfg.Sampler, cfg.SamplerArg = "always_on", ""
	cfg.Discover, cfg.Local = false, true
	t, err := telemetry.Start(ctx, cfg)
	if err != nil {
		return err
	}
	_, span := t.TracerProvider().Tracer("backspan-doctor").Start(ctx, spanName, trace.WithNewRoot(),
		trace.WithAttributes(attribute.String("session.id", t.Session())))
	span.End()
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	err = t.Shutdown(ctx)
	if t.Exported() > 0 {
		e.report.TraceID = span.SpanContext().TraceID().String()
	}
	return err
}

// refused reports why the collector did not take the span.
func (e *exam) refused(ctx context.Context, failed *telemetry.ExportError) {
	text, advice := "", ""
	if e.seen.Proxy == "" { // only the proxy can connect to what is behind it
		text, advice = e.diagnose(probeTarget(ctx, e.seen, min(e.Timeout/2, 2*time.Second)))
	}
	switch code := status.Code(failed.Err); {
	case text != "":
	case code == codes.Unauthenticated || code == codes.PermissionDenied:
		text = "the collector wants credentials"
		advice = "OTEL_EXPORTER_OTLP_HEADERS or --otlp-header, with what the collector's owner gave you"
	case code == codes.Unimplemented:
		text = "it speaks gRPC and takes no traces"
		advice = "is it a collector, with a traces pipeline?"
	case e.seen.Proxy != "":
		text = "it did not get through the proxy " + e.seen.Proxy
		advice = "NO_PROXY=" + hostOf(e.seen.Target.Address) + " goes without"
	case e.seen.Target.Protocol != otelenv.GRPC:
		text = "the collector did not take it"
		advice = "are the path and the headers right? (/v1/traces is added to an endpoint.) The collector's log says more"
	default:
		text = "the collector did not take it"
		advice = "the collector's log says more"
	}
	e.found("test span", Problem, advice, "%s: %s", text, oneLine(failed.Err.Error()))
}

// diagnose explains why spans do not arrive at the endpoint that was probed, and what to do. It returns nothing when
// the probe does not explain it.
func (e *exam) diagnose(p probe) (text, advice string) {
	if p.dialErr != nil {
		return e.unreachable(p.dialErr)
	}
	t := e.seen.Target
	isGRPC := t.Protocol == otelenv.GRPC
	switch {
	case !t.TLS && p.tls && p.plain != http2Answer && (isGRPC || p.plain != http1Answer):
		return t.Address + " wants TLS, and the endpoint is without", "use the endpoint https://" + t.Address
	case t.TLS && !p.tls && (p.plain == http1Answer || p.plain == http2Answer):
		return t.Address + " speaks without TLS, and the endpoint is with",
			"use the endpoint http://" + t.Address + ", if the way there is safe"
	case t.TLS && p.tls && p.certErr != nil:
		return "the certificate of " + t.Address + " is not trusted: " + oneLine(p.certErr.Error()),
			"OTEL_EXPORTER_OTLP_CERTIFICATE=<its authority, a PEM file>, or the name that the certificate has as endpoint"
	case isGRPC && (!t.TLS && p.plain == http1Answer || t.TLS && p.alpn == "http/1.1"):
		return t.Address + " speaks HTTP/1.1 and not gRPC: it is the port for OTLP over HTTP, or no collector",
			"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or the collector's gRPC port: " + withPort(t, "4317")
	case !isGRPC && !t.TLS && p.plain == http2Answer:
		return t.Address + " speaks gRPC and not HTTP/1.1",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or the collector's HTTP port: " + withPort(t, "4318")
	case !p.tls && p.plain == noAnswer:
		return t.Address + " takes connections and says nothing", "is it a collector, and is it alive? Its log says more"
	case !p.tls && (p.plain == closedAnswer || p.plain == unknownAnswer):
		return t.Address + " speaks neither HTTP/2 nor HTTP/1.1 nor TLS",
			"is it a collector? OTLP is on ports 4317 (gRPC) and 4318 (HTTP)"
	}
	return "", ""
}

// unreachable explains why there is no connection.
func (e *exam) unreachable(err error) (text, advice string) {
	t := e.seen.Target
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host " + hostOf(t.Address),
			"the endpoint's host: is it spelled right, and known on this machine?"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		advice = "start the collector, or say where it is: OTEL_EXPORTER_OTLP_ENDPOINT or --otlp-endpoint"
		if e.seen.Endpoint.From == "" {
			advice = "start one (docker compose up -d), or say where it is: OTEL_EXPORTER_OTLP_ENDPOINT or --otlp-endpoint"
		}
		return "nothing listens at " + t.Address, advice
	case isTimeout(err):
		return "no answer from " + t.Address, "is there a firewall in between, and is the host up?"
	}
	return t.Address + " cannot be reached", "look at the network on the way there"
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// withPort is t as a URL with another port.
func withPort(t otelenv.Target, port string) string {
	t.Address, t.Path = net.JoinHostPort(hostOf(t.Address), port), ""
	return t.String()
}

// oneLine shortens an error's text, which may hold the whole body of an answer.
func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
