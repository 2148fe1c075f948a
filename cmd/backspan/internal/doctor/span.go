package doctor

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
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
	var stranger notTrusted
	switch {
	case err == nil && e.report.TraceID != "":
		e.found("test span", OK, "", "taken by the collector: trace %s, service %q, span %q",
			e.report.TraceID, e.seen.Service.Value, spanName)
	case errors.As(err, &stranger):
		e.found("test span", Problem, "name the endpoint if it may have the spans: "+
			"OTEL_EXPORTER_OTLP_ENDPOINT="+e.seen.Endpoint.Value, "not sent: %v", err)
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
	cfg.Local = true
	cfg.MetricReader = sdkmetric.NewManualReader() // no metrics are exported
	t, err := telemetry.Start(ctx, cfg)
	if err == nil && t.Destination().State == telemetry.ExportNotFound { // the export says why
		cfg.Discover = false
		err = t.Shutdown(ctx)
		if err == nil {
			t, err = telemetry.Start(ctx, cfg)
		}
	}
	if err != nil {
		return err
	}
	if d := t.Destination(); d.State == telemetry.ExportNotTrusted {
		return cmp.Or(t.Shutdown(ctx), error(notTrusted(d.Why)))
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

// notTrusted says who listens where a collector was looked for.
type notTrusted string

func (e notTrusted) Error() string { return string(e) }

// refused reports why the collector did not take the span.
func (e *exam) refused(ctx context.Context, failed *telemetry.ExportError) {
	text, advice := "", ""
	if e.seen.Proxy == "" { // only the proxy can connect to what is behind it
		text, advice = e.diagnose(probeTarget(ctx, e.seen, min(e.Timeout/2, 2*time.Second)))
	}
	if text == "" {
		text, advice = e.explain(ctx, failed.Err)
	}
	e.found("test span", Problem, advice, "%s: %s", text, oneLine(failed.Err.Error()))
}

// explain explains err, which is the answer of what listens at the endpoint.
func (e *exam) explain(ctx context.Context, err error) (text, advice string) {
	code, state := status.Code(err), 0
	if e.seen.Target.Protocol != otelenv.GRPC {
		state = e.post(ctx)
	}
	switch {
	case code == codes.Unauthenticated, state == http.StatusUnauthorized:
		return e.credentials("is the value whole and still valid, and for this collector?")
	case code == codes.PermissionDenied, state == http.StatusForbidden:
		return e.credentials("do they allow to write traces, and here? The collector's owner knows")
	case code == codes.Unimplemented:
		return "it speaks gRPC and takes no traces", "is it a collector, with a traces pipeline?"
	case e.seen.Proxy != "" && state == 0:
		return "it did not get through the proxy " + e.seen.Proxy,
			"NO_PROXY=" + hostOf(e.seen.Target.Address) + " goes without"
	case e.seen.AsIs() && state >= 400 && state < 600 && !strings.HasSuffix(e.seen.Target.Path, "/v1/traces"):
		return e.seen.Endpoint.From + " is used as it is, and nothing takes spans at its path " + e.seen.Target.Path,
			"append /v1/traces: " + e.complete()
	case state == http.StatusNotFound, state == http.StatusMethodNotAllowed, state == http.StatusNotImplemented:
		return "the collector did not take it, or it is another web server",
			"is it a collector, and are the path and the headers right? Collectors take spans at /v1/traces"
	case state != 0:
		return "the collector did not take it", "are the headers right? The collector's log says more"
	default:
		return "the collector did not take it", "the collector's log says more"
	}
}

// credentials explains that the collector refuses the sender. question is about the headers that it was sent.
func (e *exam) credentials(question string) (text, advice string) {
	const where = "OTEL_EXPORTER_OTLP_HEADERS or --otlp-header"
	if len(e.seen.Headers) == 0 {
		return "the collector wants credentials", where + ", with what the collector's owner gave you"
	}
	names := strings.Join(slices.Sorted(maps.Keys(e.seen.Headers)), ", ")
	return "the collector refuses the credentials that it was sent, headers " + names, question + " (" + where + ")"
}

// post sends no spans at all with HTTP, and returns the status of the answer; 0: there was none.
func (e *exam) post(ctx context.Context) (state int) {
	ctx, cancel := context.WithTimeout(ctx, min(e.Timeout, 2*time.Second))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.seen.Target.String(), http.NoBody)
	if err != nil {
		return 0
	}
	for name, text := range e.seen.Headers {
		request.Header.Set(name, text)
	}
	request.Header.Set("Content-Type", "application/x-protobuf") // in which nothing is an empty request
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: e.seen.Certificates,
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close() // only the status counts
	return response.StatusCode
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
			"OTEL_EXPORTER_OTLP_CERTIFICATE=<its authority, a PEM file>, or the name that the certificate has " +
				"as endpoint"
	case isGRPC && (!t.TLS && p.plain == http1Answer || t.TLS && p.alpn == "http/1.1"):
		version := cmp.Or(p.version, "HTTP/1.1")
		advice = "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or the collector's gRPC port: " + withPort(t, grpcPort)
		if e.seen.AsIs() {
			advice = "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and " + e.complete() +
				", or the collector's gRPC port: " + withPort(t, grpcPort)
		}
		return t.Address + " speaks " + version + " and not gRPC: it is the port for OTLP over HTTP, or no collector",
			advice
	case !isGRPC && !t.TLS && p.plain == http2Answer && e.seen.Stated.Path:
		return t.Address + " speaks gRPC, which has no paths, and the endpoint has one", e.eitherWay()
	case !isGRPC && !t.TLS && p.plain == http2Answer:
		return t.Address + " speaks gRPC and not HTTP/1.1",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or the collector's HTTP port: " + withPort(t, httpPort)
	case !p.tls && p.plain == noAnswer:
		return t.Address + " takes connections and says nothing",
			"is it a collector, and is it alive? Its log says more"
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
		if !e.seen.Stated.Port && e.seen.Endpoint.From != "" && t.Network == "tcp" {
			advice = "the endpoint has no port; that of a collector is " + e.eitherWay()
		}
		if e.seen.Endpoint.From == "" {
			advice = "start one (docker compose up -d), or say where it is: OTEL_EXPORTER_OTLP_ENDPOINT or " +
				"--otlp-endpoint"
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
