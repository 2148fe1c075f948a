package telemetry

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// The exporters' own retries. Their default of 5s for the first would outlive a program's last flush.
const (
	exportRetryFirst = 300 * time.Millisecond
	exportRetryMost  = 5 * time.Second
	exportRetryTotal = time.Minute
)

// newOTLPExporter makes the SDK's exporter for s. It never connects by itself; close frees what the exporter leaves open.
func newOTLPExporter(ctx context.Context, s otlpSettings) (exporter sdktrace.SpanExporter, closeIdle func(), err error) {
	quietly(func() {
		if s.endpoint.protocol == ProtocolGRPC {
			exporter, err = newGRPCExporter(ctx, s)
			closeIdle = func() {}
		} else {
			exporter, closeIdle, err = newHTTPExporter(ctx, s)
		}
	})
	return exporter, closeIdle, err
}

func newGRPCExporter(ctx context.Context, s otlpSettings) (sdktrace.SpanExporter, error) {
	creds := insecure.NewCredentials()
	if s.endpoint.tls {
		creds = credentials.NewTLS(s.clientTLS())
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(s.endpoint.target()),
		otlptracegrpc.WithTLSCredentials(creds),
		otlptracegrpc.WithHeaders(s.headers),
		otlptracegrpc.WithTimeout(s.timeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: exportRetryFirst, MaxInterval: exportRetryMost, MaxElapsedTime: exportRetryTotal,
		}),
		otlptracegrpc.WithDialOption(grpc.WithChainUnaryInterceptor(noteGRPCReply)),
	}
	if s.gzip {
		options = append(options, otlptracegrpc.WithCompressor("gzip"))
	}
	return otlptracegrpc.New(ctx, options...)
}

func newHTTPExporter(ctx context.Context, s otlpSettings) (sdktrace.SpanExporter, func(), error) {
	// A transport of our own, so that its idle connections can be closed; the exporter's is shared and never is.
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		TLSClientConfig:     s.clientTLS(),
	}
	compression, encoding := otlptracehttp.NoCompression, otlptracehttp.EncodingProtobuf
	if s.gzip {
		compression = otlptracehttp.GzipCompression
	}
	if s.endpoint.protocol == ProtocolHTTPJSON {
		encoding = otlptracehttp.EncodingJSON
	}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(s.endpoint.String()),
		otlptracehttp.WithTLSClientConfig(nil), // the exporter refuses one with http://, even when it came from a variable
		otlptracehttp.WithHTTPClient(&http.Client{Transport: replyNoter{transport}, Timeout: s.timeout}),
		otlptracehttp.WithHeaders(s.headers),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithEncoding(encoding),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: exportRetryFirst, MaxInterval: exportRetryMost, MaxElapsedTime: exportRetryTotal,
		}))
	return exporter, transport.CloseIdleConnections, err
}

func (s otlpSettings) clientTLS() *tls.Config {
	if s.tls == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return s.tls.Clone()
}

var environment sync.Mutex // held while quietly rewrites it

// quietly calls f while no endpoint variable holds what url.Parse refuses. The SDK's exporters read these variables
// even when every option is given to them, and for 127.0.0.1:4317 they log an error that looks as if the endpoint
// had not been understood. For the moment such a value is written as //127.0.0.1:4317, which says the same and parses.
func quietly(f func()) {
	environment.Lock()
	defer environment.Unlock()
	perSignal, general := otlpVariables("ENDPOINT")
	defer parsable(perSignal)()
	defer parsable(general)()
	f()
}

// parsable rewrites a variable that url.Parse refuses; restore puts back what it was.
func parsable(name string) (restore func()) {
	value := os.Getenv(name)
	if _, err := url.Parse(value); err == nil {
		return func() {}
	}
	if err := os.Setenv(name, "//"+value); err != nil {
		return func() {} // then there is an error in the log too many
	}
	return func() {
		if err := os.Setenv(name, value); err != nil {
			report(fmt.Errorf("telemetry: %s could not be put back: %w", name, err))
		}
	}
}
