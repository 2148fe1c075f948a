package telemetry

import (
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/backspan/backspan/internal/otelenv"
)

// A dialer connects to address, which is host:port. The network is tcp; nil is that of the exporter.
type dialer func(ctx context.Context, address string) (net.Conn, error)

func newGRPCExporter(ctx context.Context, env otelenv.Settings, dial dialer) (sdktrace.SpanExporter, error) {
	creds := insecure.NewCredentials()
	if env.Target.TLS {
		creds = credentials.NewTLS(clientTLS(env))
	}
	dialing := []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(noteGRPCReply),
		grpc.WithDisableServiceConfig(), // else whoever answers for the host's name says how calls are made
	}
	if dial != nil {
		dialing = append(dialing, grpc.WithContextDialer(dial))
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(env.Target.GRPC()),
		otlptracegrpc.WithTLSCredentials(creds),
		otlptracegrpc.WithHeaders(env.Headers),
		otlptracegrpc.WithTimeout(env.Timeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}), // countingExporter tries again
		otlptracegrpc.WithMaxRequestSize(math.MaxInt32),      // the collector says what is too large
		otlptracegrpc.WithDialOption(dialing...),
	}
	if env.Gzip {
		options = append(options, otlptracegrpc.WithCompressor("gzip"))
	}
	return otlptracegrpc.New(ctx, options...)
}

func newHTTPExporter(ctx context.Context, env otelenv.Settings, dial dialer) (sdktrace.SpanExporter, func(), error) {
	// The exporter's transport is shared, so its idle connections cannot be closed; this one's can.
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		TLSClientConfig:     clientTLS(env),
	}
	if dial != nil {
		transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			return dial(ctx, address)
		}
	}
	client := &http.Client{
		Transport: replyNoter{transport}, Timeout: env.Timeout,
		// A redirect would take the spans and the headers to wherever it says.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	compression, encoding := otlptracehttp.NoCompression, otlptracehttp.EncodingProtobuf
	if env.Gzip {
		compression = otlptracehttp.GzipCompression
	}
	if env.Target.Protocol == otelenv.HTTPJSON {
		encoding = otlptracehttp.EncodingJSON
	}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(env.Target.String()),
		otlptracehttp.WithTLSClientConfig(nil), // with http:// the exporter refuses one from a variable
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithHeaders(env.Headers),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithEncoding(encoding),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}), // countingExporter tries again
		otlptracehttp.WithMaxRequestSize(math.MaxInt32),      // that is the collector's to say
	)
	return exporter, transport.CloseIdleConnections, err
}

func clientTLS(env otelenv.Settings) *tls.Config {
	if env.Certificates == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return env.Certificates.Clone()
}
