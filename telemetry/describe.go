package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Setting is one thing that Start reads, as Describe found it.
type Setting struct {
	Value string // what holds: what was configured, understood, or the default
	From  string // "Config.Endpoint", "OTEL_SERVICE_NAME"; empty: nobody said, so it is the default
	Err   error  // a *ConfigError when it cannot be used; Value is what was configured then, unless that may be a secret
}

// A Description is what Start makes of a Config and the environment. Each part is read for itself, so that one bad
// setting does not hide the others.
type Description struct {
	Disabled    Setting // "true" when OTEL_SDK_DISABLED says so: there are no spans at all
	Exporter    Setting // otlp, console or none
	Service     Setting // service.name
	Sampler     Setting // in the words of OTEL_TRACES_SAMPLER
	Propagators Setting // names with commas between them, or none
	Endpoint    Setting // a URL, or unix: and a path: where the exporter will send to
	Protocol    string  // a Protocol constant, configured or guessed from the endpoint; empty when Endpoint has an Err

	// Share is the share of the new traces that are sampled, from 0 to 1, and ParentDecides whether that holds only
	// for traces without a parent elsewhere. They say nothing when Sampler has an Err.
	Share         float64
	ParentDecides bool

	TLS     bool          // the connection is encrypted
	Network string        // for net.Dial: tcp or unix
	Address string        // for net.Dial: host:port, or the path of a socket
	Proxy   string        // host:port of the proxy that stands between; empty: none
	Trust   *tls.Config   // certificates that are configured; nil: the system's
	Headers []string      // the names of the headers, sorted; values may be secrets
	Timeout time.Duration // of one export; 0: no bound

	// Err joins the errors of everything else that makes Start refuse: session, headers, compression, timeout,
	// limits, resource attributes.
	Err error
}

// Describe reads cfg and the environment as Start does, and opens nothing and asks nobody. It is for telling a person
// why they see no spans: where they go, as the exporter will read it, and who said so.
func Describe(ctx context.Context, cfg Config) Description {
	var d Description
	d.Disabled = describe(fromEnv("OTEL_SDK_DISABLED"), "false")
	_, d.Disabled.Err = fromEnv("OTEL_SDK_DISABLED").boolean()
	d.Disabled.Value = strings.ToLower(d.Disabled.Value)

	d.describeExporter(cfg)
	d.describeSampler(cfg)
	d.describeEndpoint(cfg)

	d.Propagators = describe(fromEnv("OTEL_PROPAGATORS"), "tracecontext,baggage")
	_, d.Propagators.Err = newPropagator()

	_, sessionErr := newSession(cfg.Session)
	d.Err = errors.Join(d.Err, sessionErr, checkLimits(), d.describeService(ctx, cfg))
	return d
}

// describe is s, or the default when nobody said.
func describe(s setting, otherwise string) Setting {
	if !s.isSet() {
		return Setting{Value: otherwise}
	}
	return Setting{Value: s.value, From: s.name}
}

func (d *Description) describeExporter(cfg Config) {
	d.Exporter = describe(fromEnv("OTEL_TRACES_EXPORTER"), "otlp")
	d.Exporter.Value = strings.ToLower(d.Exporter.Value)
	switch {
	case !slices.Contains([]string{"otlp", "console", "none"}, d.Exporter.Value):
		d.Exporter.Err = fromEnv("OTEL_TRACES_EXPORTER").bad("otlp, console or none", nil)
	case cfg.NoExport:
		d.Exporter = Setting{Value: "none", From: "Config.NoExport"}
	case cfg.Endpoint != "":
		d.Exporter = Setting{Value: "otlp", From: "Config.Endpoint"}
	}
}

func (d *Description) describeSampler(cfg Config) {
	name := fromField("Sampler", cfg.Sampler, "OTEL_TRACES_SAMPLER")
	arg := fromField("SamplerArg", cfg.SamplerArg, "OTEL_TRACES_SAMPLER_ARG")
	d.Sampler = describe(name, "parentbased_always_on")
	if _, d.Sampler.Err = newSampler(name, arg); d.Sampler.Err != nil {
		return
	}
	d.Sampler.Value = strings.ToLower(d.Sampler.Value)
	own, parentBased := strings.CutPrefix(d.Sampler.Value, "parentbased_")
	d.ParentDecides = parentBased
	switch {
	case own == "always_on", !arg.isSet() && own == "traceidratio":
		d.Share = 1
	case own == "traceidratio":
		d.Share, _ = strconv.ParseFloat(arg.value, 64) // newSampler read it before
	}
}

// describeEndpoint reads what readOTLP reads.
func (d *Description) describeEndpoint(cfg Config) {
	perSignal, general := otlpVariables("ENDPOINT")
	d.Endpoint = describe(fromField("Endpoint", cfg.Endpoint, perSignal, general), "")

	var trustErr, timeoutErr error
	protocol, protocolErr := readProtocol(cfg)
	d.Trust, trustErr = readTLS()
	headers, headersErr := readHeaders(cfg)
	d.Headers = slices.Sorted(maps.Keys(headers))
	d.Timeout, timeoutErr = readTimeout()
	_, gzipErr := readCompression()
	d.Err = errors.Join(protocolErr, trustErr, headersErr, gzipErr, timeoutErr)

	e, _, err := readEndpoint(cfg, protocol, d.Trust != nil)
	if d.Endpoint.Err = err; err != nil {
		// The text may hold a password; the error shows what can be shown.
		var bad *ConfigError
		if d.Endpoint.Value = ""; errors.As(err, &bad) {
			d.Endpoint.Value = bad.Value
		}
		return
	}
	d.Endpoint.Value, d.Protocol, d.TLS = e.String(), e.protocol, e.tls
	d.Network, d.Address, d.Proxy = "tcp", e.host, proxyFor(e)
	if e.socket {
		d.Network, d.Address, d.Proxy = "unix", strings.TrimPrefix(e.host, "unix:"), ""
		if rest, ok := strings.CutPrefix(d.Address, "//"); ok {
			d.Address = rest
		}
	}
}

// proxyFor is the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY put in front of e. gRPC looks at HTTPS_PROXY alone.
func proxyFor(e endpoint) string {
	target := &url.URL{Scheme: "http", Host: e.host}
	if e.tls || e.protocol == ProtocolGRPC {
		target.Scheme = "https"
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target})
	if err != nil || proxy == nil {
		return "" // one that cannot be parsed is an error of the export, which says so
	}
	if proxy.Port() == "" {
		return net.JoinHostPort(proxy.Hostname(), map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme])
	}
	return proxy.Host
}

func (d *Description) describeService(ctx context.Context, cfg Config) error {
	attributes := fromEnv("OTEL_RESOURCE_ATTRIBUTES")
	named, err := checkResourceAttributes(attributes)
	name := fromField("Service", cfg.Service, "OTEL_SERVICE_NAME")
	if !name.isSet() && named {
		name = attributes
	}
	d.Service = describe(name, programName())
	if err != nil {
		return err
	}
	r, err := newResource(ctx, cfg)
	if err != nil {
		return err
	}
	if value, ok := r.Set().Value(serviceNameKey); ok {
		d.Service.Value = value.AsString()
	}
	return nil
}
