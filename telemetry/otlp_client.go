package telemetry

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/backspan/backspan/internal/otelenv"
)

// A dialer connects to address, which is host:port. The network is tcp; nil is that of the exporter.
type dialer func(ctx context.Context, address string) (net.Conn, error)

// dialerFor is dialOwn where nobody named the collector.
func dialerFor(cfg Config, c otelenv.Collector) dialer {
	if cfg.Discover && c.Endpoint.From == "" {
		return dialOwn
	}
	return nil
}

func dialOptions(dial dialer) []grpc.DialOption {
	// Else whoever answers for the host's name says how calls are made.
	options := []grpc.DialOption{grpc.WithDisableServiceConfig()}
	if dial != nil {
		options = append(options, grpc.WithContextDialer(dial))
	}
	return options
}

func transportCredentials(c otelenv.Collector) credentials.TransportCredentials {
	if c.Target.TLS {
		return credentials.NewTLS(clientTLS(c))
	}
	return insecure.NewCredentials()
}

// newHTTPClient returns a client with a transport of its own. That of OpenTelemetry's exporters is shared, so its idle
// connections cannot be closed.
func newHTTPClient(c otelenv.Collector, dial dialer) (*http.Client, *http.Transport) {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		TLSClientConfig:     clientTLS(c),
	}
	if dial != nil {
		transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			return dial(ctx, address)
		}
	}
	return &http.Client{
		Transport: transport, Timeout: c.Timeout,
		// A redirect would take what is sent and the headers to wherever it says.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, transport
}

func clientTLS(c otelenv.Collector) *tls.Config {
	if c.Certificates == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c.Certificates.Clone()
}
