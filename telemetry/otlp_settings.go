package telemetry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// otlpSettings is everything about the way to a collector.
type otlpSettings struct {
	endpoint endpoint
	given    bool // an endpoint was configured; otherwise it is the default one
	headers  map[string]string
	gzip     bool
	timeout  time.Duration // 0: no bound
	tls      *tls.Config   // nil: the system's trust, no client certificate
}

const defaultExportTimeout = 10 * time.Second

// otlpVariables are the names of a variable, the one for traces alone first.
func otlpVariables(suffix string) (perSignal, general string) {
	return "OTEL_EXPORTER_OTLP_TRACES_" + suffix, "OTEL_EXPORTER_OTLP_" + suffix
}

func otlpVariable(suffix string) setting { return fromEnv(otlpVariables(suffix)) }

// readOTLP reads fields and variables. It checks what the SDK's exporters would silently pass over.
func readOTLP(cfg Config) (s otlpSettings, err error) {
	protocol, err := readProtocol(cfg)
	if err != nil {
		return s, err
	}
	if s.tls, err = readTLS(); err != nil {
		return s, err
	}
	if s.endpoint, s.given, err = readEndpoint(cfg, protocol, s.tls != nil); err != nil {
		return s, err
	}
	if s.headers, err = readHeaders(cfg); err != nil {
		return s, err
	}
	if s.gzip, err = readCompression(); err != nil {
		return s, err
	}
	s.timeout, err = readTimeout()
	return s, err
}

func readProtocol(cfg Config) (string, error) {
	perSignal, general := otlpVariables("PROTOCOL")
	s := fromField("Protocol", cfg.Protocol, perSignal, general)
	switch s.value {
	case "", ProtocolGRPC, ProtocolHTTPProtobuf, ProtocolHTTPJSON:
		return s.value, nil
	}
	return "", s.bad("grpc, http/protobuf or http/json", nil)
}

func readEndpoint(cfg Config, protocol string, hasCerts bool) (e endpoint, given bool, err error) {
	perSignal, general := otlpVariables("ENDPOINT")
	s := fromField("Endpoint", cfg.Endpoint, perSignal, general)
	rules := endpointRules{protocol: protocol, perSignal: s.name == perSignal, hasCerts: hasCerts}
	if rules.insecure, err = readInsecure(cfg); err != nil {
		return e, false, err
	}
	if !s.isSet() {
		port := grpcPort
		if protocol == ProtocolHTTPProtobuf || protocol == ProtocolHTTPJSON {
			port = httpPort
		}
		e, err = parseEndpoint(setting{"Config.Endpoint", "localhost:" + port}, rules)
		return e, false, err
	}
	if e, err = parseEndpoint(s, rules); err != nil {
		return e, false, err
	}
	if cfg.Insecure && e.tls {
		return e, false, s.bad("no https while Config.Insecure is true", nil)
	}
	return e, true, nil
}

func readInsecure(cfg Config) (*bool, error) {
	if cfg.Insecure {
		return &cfg.Insecure, nil
	}
	s := otlpVariable("INSECURE")
	if !s.isSet() {
		return nil, nil
	}
	insecure, err := s.boolean()
	return &insecure, err
}

func readHeaders(cfg Config) (map[string]string, error) {
	if cfg.Headers != nil {
		for name, value := range cfg.Headers {
			if !validHeader(name, value) {
				return nil, setting{"Config.Headers", name}.bad(wantHeader, nil) // its value may be a secret
			}
		}
		return cfg.Headers, nil
	}
	s := otlpVariable("HEADERS")
	headers := make(map[string]string)
	for pair := range strings.SplitSeq(s.value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue // a comma at the end
		}
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || err != nil || !validHeader(name, value) {
			return nil, s.badSecret(wantHeaders)
		}
		headers[name] = value
	}
	return headers, nil
}

const (
	wantHeader  = "header names of letters, digits and dashes, with printable values"
	wantHeaders = "name=value pairs with commas between them, special characters in values written as %XX"
)

// validHeader refuses what net/http and gRPC would refuse later, at every export.
func validHeader(name, value string) bool {
	for i := range len(value) {
		if value[i] < 0x20 || value[i] > 0x7e {
			return false
		}
	}
	return httpguts.ValidHeaderFieldName(name)
}

func readCompression() (bool, error) {
	switch s := otlpVariable("COMPRESSION"); strings.ToLower(s.value) {
	case "", "none":
		return false, nil
	case "gzip":
		return true, nil
	default:
		return false, s.bad("gzip or none", nil)
	}
}

func readTimeout() (time.Duration, error) {
	s := otlpVariable("TIMEOUT")
	if !s.isSet() {
		return defaultExportTimeout, nil
	}
	ms, err := s.number(0, int(24*time.Hour/time.Millisecond))
	if err != nil {
		return 0, s.bad("milliseconds, 0 for no bound and at most a day", nil)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// readTLS reads the collector's certificate authority and our own certificate; nil when neither is configured.
func readTLS() (*tls.Config, error) {
	authority := otlpVariable("CERTIFICATE")
	certificate, key := otlpVariable("CLIENT_CERTIFICATE"), otlpVariable("CLIENT_KEY")
	if !authority.isSet() && !certificate.isSet() && !key.isSet() {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority.isSet() {
		pem, err := os.ReadFile(authority.value)
		if err != nil {
			return nil, authority.bad(wantPEM, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, authority.bad(wantPEM, errors.New("no certificate in it"))
		}
	}
	switch {
	case certificate.isSet() && key.isSet():
		pair, err := tls.LoadX509KeyPair(certificate.value, key.value)
		if err != nil {
			return nil, certificate.bad("a client certificate that fits "+key.name, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	case certificate.isSet():
		return nil, certificate.bad("the key of this certificate in OTEL_EXPORTER_OTLP_CLIENT_KEY too", nil)
	case key.isSet():
		return nil, key.bad("the certificate of this key in OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE too", nil)
	}
	return cfg, nil
}

const wantPEM = "a file with certificates in PEM form"
