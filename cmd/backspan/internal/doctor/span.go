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

	"github.com/backspan/backspan/telemetry"
)

// spanName is what the test span is called in Jaeger.
const spanName = "backspan doctor"

// testSpan sends a span the way all others go, and says whether it was taken.
func (e *exam) testSpan(ctx context.Context) {
	err := e.send(ctx)
	var config *telemetry.ConfigError
	var export *telemetry.ExportError
	switch {
	case err == nil && e.report.TraceID != "":
		e.found("test span", OK, "", "taken by the collector: trace %s, service %q, span %q", e.report.TraceID, e.seen.Service.Value, spanName)
	case errors.As(err, &config):
		e.found("test span", Problem, "mend the settings first", "not sent")
	case errors.As(err, &export):
		e.refused(ctx, export)
	default:
		e.found("test span", Problem, "", "not sent: %v", err)
	}
}

// send sends the span. The sampler is not asked: that it may drop the span is another check's matter.
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

// refused finds out why the collector did not take the span.
func (e *exam) refused(ctx context.Context, failed *telemetry.ExportError) {
	text, advice := "", ""
	if e.seen.Proxy == "" { // who answers behind a proxy only the proxy can see
		// Two attempts of one step's time together.
		text, advice = e.diagnose(call(ctx, e.seen, min(e.Timeout/2, 2*time.Second)))
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
		advice = "NO_PROXY=" + hostOf(e.seen.Address) + " goes without"
	case e.seen.Protocol != telemetry.ProtocolGRPC:
		text = "the collector did not take it"
		advice = "is the path right (/v1/traces is added to what is no whole URL of its own), are the headers? The collector's log says more"
	default:
		text = "the collector did not take it"
		advice = "the collector's log says more"
	}
	e.found("test span", Problem, advice, "%s: %s", text, oneLine(failed.Err.Error()))
}

// diagnose says in words why a span cannot arrive where v was made, and what to do; empty when v does not explain it.
func (e *exam) diagnose(v visit) (text, advice string) {
	if v.dialErr != nil {
		return e.unreachable(v.dialErr)
	}
	d := e.seen
	over := map[bool]string{true: "https://", false: "http://"}
	isGRPC := d.Protocol == telemetry.ProtocolGRPC
	switch {
	case !d.TLS && v.tls && v.plain != http1 && v.plain != http2, !d.TLS && v.tls && v.plain == http1 && isGRPC:
		return d.Address + " wants TLS, and the endpoint is without", "use the endpoint https://" + d.Address
	case d.TLS && !v.tls && (v.plain == http1 || v.plain == http2):
		return d.Address + " speaks without TLS, and the endpoint is with",
			"use the endpoint http://" + d.Address + ", if the way there is safe"
	case d.TLS && v.tls && v.certErr != nil:
		return "the certificate of " + d.Address + " is not trusted: " + oneLine(v.certErr.Error()),
			"OTEL_EXPORTER_OTLP_CERTIFICATE=<its authority, a PEM file>, or the name that the certificate has as endpoint"
	case isGRPC && (!d.TLS && v.plain == http1 || d.TLS && v.alpn == "http/1.1"):
		return d.Address + " speaks HTTP/1.1 and not gRPC: it is the port for OTLP over HTTP, or no collector",
			"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or the collector's gRPC port: " + over[d.TLS] + withPort(d.Address, "4317")
	case !isGRPC && !d.TLS && v.plain == http2:
		return d.Address + " speaks gRPC and not HTTP/1.1",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or the collector's HTTP port: " + over[d.TLS] + withPort(d.Address, "4318")
	case !v.tls && v.plain == silence:
		return d.Address + " takes connections and says nothing", "is it a collector, and is it alive? Its log says more"
	case !v.tls && (v.plain == hangup || v.plain == gibberish):
		return d.Address + " speaks neither HTTP/2 nor HTTP/1.1 nor TLS", "is it a collector? OTLP is on ports 4317 (gRPC) and 4318 (HTTP)"
	}
	return "", ""
}

// unreachable explains why there is no connection.
func (e *exam) unreachable(err error) (text, advice string) {
	d := e.seen
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host " + hostOf(d.Address), "the endpoint's host: is it spelled right, and known on this machine?"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		advice = "start the collector, or say where it is: OTEL_EXPORTER_OTLP_ENDPOINT or --otlp-endpoint"
		if d.Endpoint.From == "" {
			advice = "start one (docker compose up -d), or say where it is: OTEL_EXPORTER_OTLP_ENDPOINT or --otlp-endpoint"
		}
		return "nothing listens at " + d.Address, advice
	case asTimeout(err, &timeout):
		return "no answer from " + d.Address, "is there a firewall in between, and is the host up?"
	}
	return d.Address + " cannot be reached", "look at the network on the way there"
}

func asTimeout(err error, into *net.Error) bool { return errors.As(err, into) && (*into).Timeout() }

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

func withPort(address, port string) string { return net.JoinHostPort(hostOf(address), port) }

// oneLine shortens an error that may hold a server's whole answer.
func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
