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

// A signal is what is sent to a collector: spans or metrics.
type signal struct {
	name      string   // in the names of its variables
	path      string   // of HTTP
	protocols []string // in which it can be sent
}

var (
	traces  = signal{"TRACES", "/v1/traces", []string{GRPC, HTTPProtobuf, HTTPJSON}}
	metrics = signal{"METRICS", "/v1/metrics", []string{GRPC, HTTPProtobuf}}
)

// variables returns the names of a variable, the one for the signal alone first.
func (s signal) variables(suffix string) (perSignal, general string) {
	return "OTEL_EXPORTER_OTLP_" + s.name + "_" + suffix, "OTEL_EXPORTER_OTLP_" + suffix
}

func (s signal) variable(suffix string) value { return fromEnv(s.variables(suffix)) }

// A Collector is how a signal is sent with OTLP.
type Collector struct {
	Endpoint     Setting           // where it is sent to, as Target.String writes it
	Target       Target            // the same, understood; the zero Target when Endpoint has an Err
	Stated       Stated            // which parts of Target the endpoint has itself
	Proxy        string            // host:port that HTTP_PROXY, HTTPS_PROXY and NO_PROXY put in front; may be empty
	Certificates *tls.Config       // authority and client certificate that are configured; nil: the system's, none
	Headers      map[string]string // what is sent of them
	Withheld     *Withheld         // nil: they are sent
	Gzip         bool
	Timeout      time.Duration // of one export; 0: no bound

	// Schemeless has an Error for each endpoint variable that OpenTelemetry's own exporters misread because it has no
	// scheme, whether or not Endpoint comes from it. Want is the URL that everybody reads alike.
	Schemeless []*Error

	OTLPErrs []error // *Error of protocol, certificates, headers, compression and timeout

	signal signal
	agreed bool // somebody said that plaintext will do
}

// readCollector reads how a signal is sent with OTLP.
func readCollector(p Program, of signal) (c Collector) {
	c.signal = of
	perSignal, general := of.variables("PROTOCOL")
	protocol := p.said("Protocol", p.Protocol, perSignal, general)
	var errs [5]error
	if protocol.text == HTTPJSON && protocol.name != perSignal && !slices.Contains(of.protocols, HTTPJSON) {
		protocol.text = HTTPProtobuf // it is meant for what can be JSON; collectors of HTTP take both
	}
	if protocol.isSet() && !slices.Contains(of.protocols, protocol.text) {
		last := len(of.protocols) - 1
		errs[0] = protocol.bad(strings.Join(of.protocols[:last], ", ")+" or "+of.protocols[last], nil)
		protocol.text = "" // the endpoint is read as if nobody had said it
	}
	c.Certificates, errs[1] = of.readCertificates()
	headers, by, headersErr := of.readHeaders(p)
	errs[2] = headersErr
	c.Gzip, errs[3] = of.readCompression()
	c.Timeout, errs[4] = of.readTimeout()
	c.OTLPErrs = slices.DeleteFunc(errs[:], func(err error) bool { return err == nil })
	c.readEndpoint(p, protocol.text)
	c.Headers = headers
	if why := c.withhold(p); why != "" && len(headers) > 0 {
		c.Headers, c.Withheld = nil, &Withheld{Names: slices.Sorted(maps.Keys(headers)), From: by, Why: why}
	}
	return c
}

// readHeaders returns the headers that are configured, and who says so. It checks both variables, also when p has
// headers: OpenTelemetry's exporters read both in any case, and log the text of what they cannot read, which may be a
// secret.
func (s signal) readHeaders(p Program) (_ map[string]string, by string, _ error) {
	for name, text := range p.Headers {
		if !validHeader(name, text) {
			const want = "header names of letters, digits and dashes, with printable values"
			return nil, "", value{p.Name("Headers"), name}.bad(want, nil) // the header's value may be a secret
		}
	}
	perSignal, general := s.variables("HEADERS")
	ofSignal, signalErr := headersIn(fromEnv(perSignal))
	ofAll, err := headersIn(fromEnv(general))
	switch err := cmp.Or(signalErr, err); {
	case err != nil:
		return nil, "", err
	case len(p.Headers) > 0:
		return p.Headers, p.Name("Headers"), nil
	case fromEnv(perSignal).isSet():
		return ofSignal, perSignal, nil
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
func (c *Collector) withhold(p Program) string {
	switch {
	case p.Withhold != "":
		return p.Withhold
	case p.Discover && c.Endpoint.From == "":
		return "a collector that was only found on this machine gets none; name its endpoint"
	case c.Target.readable() && !c.agreed:
		return c.Target.String() + " is another host, and the way there is plaintext; want https, or " +
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

func (s signal) readCompression() (bool, error) {
	switch v := s.variable("COMPRESSION"); strings.ToLower(v.text) {
	case "", "none":
		return false, nil
	case "gzip":
		return true, nil
	default:
		return false, v.bad("gzip or none", nil)
	}
}

func (s signal) readTimeout() (time.Duration, error) {
	v := s.variable("TIMEOUT")
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
func (s signal) readCertificates() (*tls.Config, error) {
	authority := s.variable("CERTIFICATE")
	certificate, key := s.variable("CLIENT_CERTIFICATE"), s.variable("CLIENT_KEY")
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
