package telemetry

import (
	"context"
	"math"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"github.com/backspan/backspan/internal/otelenv"
)

func newGRPCExporter(ctx context.Context, env otelenv.Settings, dial dialer) (sdktrace.SpanExporter, error) {
	dialing := append(dialOptions(dial), grpc.WithChainUnaryInterceptor(noteGRPCReply))
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpoint(env.Target.GRPC()),
		otlptracegrpc.WithTLSCredentials(transportCredentials(env.Collector)),
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
	client, transport := newHTTPClient(env.Collector, dial)
	client.Transport = replyNoter{transport}
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
