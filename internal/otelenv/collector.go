package otelenv

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/backspan/backspan/internal/safefile"
)

const defaultTimeout = 10 * time.Second

// otlpVariables returns the names of a variable, the one for traces alone first.
func otlpVariables(suffix string) (perSignal, general string) {
	return "OTEL_EXPORTER_OTLP_TRACES_" + suffix, "OTEL_EXPORTER_OTLP_" + suffix
}

func otlpVariable(suffix string) value { return fromEnv(otlpVariables(suffix)) }

// readCollector reads how spans are sent with OTLP.
func (s *Settings) readCollector(p Program) {
	perSignal, general := otlpVariables("PROTOCOL")
	protocol := p.said("Protocol", p.Protocol, perSignal, general)
	var errs [5]error
	if protocol.isSet() && !slices.Contains([]string{GRPC, HTTPProtobuf, HTTPJSON}, protocol.text) {
		errs[0] = protocol.bad("grpc, http/protobuf or http/json", nil)
		protocol.text = "" // the endpoint is read as if nobody had said it
	}
	s.Certificates, errs[1] = readCertificates()
	headers, by, headersErr := readHeaders(p)
	errs[2] = headersErr
	s.Gzip, errs[3] = readCompression()
	s.Timeout, errs[4] = readTimeout()
	s.OTLPErrs = slices.DeleteFunc(errs[:], func(err error) bool { return err == nil })
	s.readEndpoint(p, protocol.text)
	s.Headers = headers
	if why := s.withhold(p); why != "" && len(headers) > 0 {
		s.Headers, s.Withheld = nil, &Withheld{Names: slices.Sorted(maps.Keys(headers)), From: by, Why: why}
	}
}

// readHeaders returns the headers that are configured, and who says so. It checks both variables, also when p has
// headers: OpenTelemetry's exporters read both in any case, and log the text of what they cannot read, which may be a
// secret.
func readHeaders(p Program) (_ map[string]string, by string, _ error) {
	for name, text := range p.Headers {
		if !validHeader(name, text) {
			const want = "header names of letters, digits and dashes, with printable values"
			return nil, "", value{p.Name("Headers"), name}.bad(want, nil) // the header's value may be a secret
		}
	}
	perSignal, general := otlpVariables("HEADERS")
	ofTraces, traceErr := headersIn(fromEnv(perSignal))
	ofAll, err := headersIn(fromEnv(general))
	switch err := cmp.Or(traceErr, err); {
	case err != nil:
		return nil, "", err
	case len(p.Headers) > 0:
		return p.Headers, p.Name("Headers"), nil
	case fromEnv(perSignal).isSet():
		return ofTraces, perSignal, nil
	}
	return ofAll, general, nil
}

// Withheld are headers that are configured, and not sent.
type Withheld struct {
	Names []string // sorted
	From  string   // who says so: the variable, or the field as Program.Name calls it
	Why   string
}

// Error is a line for a person. It has no header's value.
func (w *Withheld) Error() string {
	what := "header " + w.Names[0] + " is"
	if len(w.Names) > 1 {
		what = "headers " + strings.Join(w.Names, ", ") + " are"
	}
	return what + " not sent (" + w.From + "): " + w.Why
}

// withhold says why no header is sent; empty: nothing keeps them back. Any of them may be a credential: services take
// keys under names of their own.
func (s *Settings) withhold(p Program) string {
	switch {
	case p.Withhold != "":
		return p.Withhold
	case p.Discover && s.Endpoint.From == "":
		return "a collector that was only found on this machine gets none; name its endpoint"
	case s.Target.readable() && !s.agreed:
		return s.Target.String() + " is another host, and the way there is plaintext; want https, or " +
			p.Name("Insecure") + " if the way is safe"
	}
	return ""
}

func headersIn(v value) (map[string]string, error) {
	list, err := Pairs(v.text)
	headers := make(map[string]string, len(list))
	for _, pair := range list {
		if !validHeader(pair.Name, pair.Value) {
			err = errors.New("not a header")
		}
		headers[pair.Name] = pair.Value
	}
	if err != nil {
		return nil, value{name: v.name}.bad(WantPairs, nil) // without the value, which may be a secret
	}
	return headers, nil
}

// validHeader refuses what net/http and gRPC would refuse later, at every export.
func validHeader(name, text string) bool {
	hidden := func(r rune) bool { return r < 0x20 || r > 0x7e }
	return httpguts.ValidHeaderFieldName(name) && !strings.ContainsFunc(text, hidden)
}

func readCompression() (bool, error) {
	switch v := otlpVariable("COMPRESSION"); strings.ToLower(v.text) {
	case "", "none":
		return false, nil
	case "gzip":
		return true, nil
	default:
		return false, v.bad("gzip or none", nil)
	}
}

func readTimeout() (time.Duration, error) {
	v := otlpVariable("TIMEOUT")
	if !v.isSet() {
		return defaultTimeout, nil
	}
	ms, err := v.number(0, int(24*time.Hour/time.Millisecond))
	if err != nil {
		return 0, v.bad("milliseconds, 0 for no bound and at most a day", nil)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// readCertificates reads the collector's certificate authority and the client's certificate; nil when neither is
// configured.
func readCertificates() (*tls.Config, error) {
	authority := otlpVariable("CERTIFICATE")
	certificate, key := otlpVariable("CLIENT_CERTIFICATE"), otlpVariable("CLIENT_KEY")
	if !authority.isSet() && !certificate.isSet() && !key.isSet() {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority.isSet() {
		const want = "a file with certificates in PEM form"
		pem, err := readFile(authority.text)
		if err != nil {
			return nil, authority.bad(want, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, authority.bad(want, errors.New("no certificate in it"))
		}
	}
	switch {
	case certificate.isSet() && key.isSet():
		pair, err := readKeyPair(certificate.text, key.text)
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

func readKeyPair(certificate, key string) (tls.Certificate, error) {
	certificatePEM, err := readFile(certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := readFile(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificatePEM, keyPEM)
}

// readFile reads a file that has an end, and waits for none.
func readFile(path string) ([]byte, error) {
	file, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return io.ReadAll(file)
}
