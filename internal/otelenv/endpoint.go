package otelenv

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// The protocols that OTEL_EXPORTER_OTLP_PROTOCOL names.
const (
	GRPC         = "grpc"
	HTTPProtobuf = "http/protobuf"
	HTTPJSON     = "http/json"
)

const (
	grpcPort = "4317"
	httpPort = "4318"
)

// A Target is where a collector listens: an endpoint, understood.
type Target struct {
	Protocol string // GRPC, HTTPProtobuf or HTTPJSON
	TLS      bool
	Network  string // for net.Dial: tcp or unix
	Address  string // for net.Dial: host:port, or the path of a socket
	Path     string // of HTTP, percent-encoded; empty for gRPC
}

// Stated says which parts of an endpoint were written down. What was not has a default.
type Stated struct{ Scheme, Port, Path bool }

// AsIs reports whether the endpoint is the complete URL, to which no path is added.
func (c Collector) AsIs() bool {
	perSignal, _ := c.signal.variables("ENDPOINT")
	return c.Endpoint.From == perSignal
}

// String is the target as a URL.
func (t Target) String() string {
	switch {
	case t.Network == "unix" && strings.HasPrefix(t.Address, "/"):
		return "unix://" + t.Address
	case t.Network == "unix":
		return "unix:" + t.Address
	default:
		// URLs want the zone of an IPv6 address, fe80::1%eth0, percent-encoded.
		return scheme(t.TLS) + strings.Replace(t.Address, "%", "%25", 1) + t.Path
	}
}

func scheme(tls bool) string {
	if tls {
		return "https://"
	}
	return "http://"
}

// GRPC is the target for grpc.NewClient, which takes unix:4317 for a socket even when unix is a host.
func (t Target) GRPC() string {
	if t.Network == "unix" {
		return t.String()
	}
	return "dns:///" + t.Address
}

// readable reports whether others may read what is sent to t: it leaves this machine without TLS. A host that is not
// localhost itself does, whatever its name: foo.localhost is up to whoever answers for names.
func (t Target) readable() bool {
	if t.TLS || t.Network != "tcp" {
		return false
	}
	host, _, _ := net.SplitHostPort(t.Address)
	addr, err := netip.ParseAddr(host)
	return !strings.EqualFold(host, "localhost") && (err != nil || !isOwn(addr))
}

// proxy is the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY put in front of t, without its password. gRPC looks at
// HTTPS_PROXY alone.
func (t Target) proxy() string {
	if t.Network == "unix" {
		return ""
	}
	target := &url.URL{Scheme: "http", Host: t.Address}
	if t.TLS || t.Protocol == GRPC {
		target.Scheme = "https"
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target})
	if err != nil || proxy == nil {
		return "" // one that cannot be parsed counts as none
	}
	if proxy.Port() == "" {
		port := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
		return net.JoinHostPort(proxy.Hostname(), port)
	}
	return proxy.Host
}

func (c *Collector) readEndpoint(p Program, protocol string) {
	perSignal, general := c.signal.variables("ENDPOINT")
	v := p.said("Endpoint", p.Endpoint, perSignal, general)
	c.Endpoint = v.or("")
	rules := endpointRules{
		signal: c.signal, protocol: protocol, perSignal: v.name == perSignal, hasCerts: c.Certificates != nil,
	}
	if !v.isSet() {
		v.text = "localhost:" + grpcPort
		if protocol == HTTPProtobuf || protocol == HTTPJSON {
			v.text = "localhost:" + httpPort
		}
	}
	var t Target
	insecure, err := c.signal.readInsecure(p)
	c.agreed = insecure != nil && *insecure
	if rules.insecure = insecure; err == nil {
		t, c.Stated, err = parseEndpoint(v, rules)
	}
	if err == nil && p.Insecure != nil && *p.Insecure && t.TLS {
		err = v.bad("no https while "+p.Name("Insecure")+" is true", nil)
	}
	if c.Endpoint.Err = err; err != nil {
		// The text may hold a password; the error shows what can be shown.
		if bad, ok := errors.AsType[*Error](err); ok {
			c.Endpoint.Value = bad.Value
		}
		return
	}
	c.Endpoint.Value, c.Target, c.Proxy = t.String(), t, t.proxy()
	c.readSchemeless(rules, perSignal, general)
}

func (s signal) readInsecure(p Program) (*bool, error) {
	if p.Insecure != nil {
		if *p.Insecure {
			return p.Insecure, nil
		}
		return nil, nil
	}
	v := s.variable("INSECURE")
	if !v.isSet() {
		return nil, nil
	}
	insecure, err := v.boolean()
	return &insecure, err
}

// readSchemeless finds the variables that OpenTelemetry's exporters misread: they look for the host where a URL has it.
// They read the variables even when they are told the endpoint otherwise.
func (c *Collector) readSchemeless(rules endpointRules, variables ...string) {
	for _, name := range variables {
		v := fromEnv(name)
		u, parseErr := url.Parse(v.text)
		if !v.isSet() || parseErr == nil && (u.Host != "" || u.Scheme == "unix") {
			continue
		}
		t, _, err := parseEndpoint(v, rules)
		if err != nil { // it is not used, or it is an error already
			if parseErr != nil && strings.ContainsAny(v.text, "@?#") { // the exporters would log it with its secrets
				c.OTLPErrs = append(c.OTLPErrs, err)
			}
			continue
		}
		right := scheme(t.TLS) + t.Address
		if _, path, found := strings.Cut(v.text, "/"); found {
			right += "/" + path
		}
		c.Schemeless = append(c.Schemeless, &Error{Field: v.name, Value: v.text, Want: right, Err: parseErr})
	}
}

// endpointRules are what bears on an endpoint's meaning beside its text.
type endpointRules struct {
	signal    signal
	protocol  string // empty: the port and the path tell
	perSignal bool   // OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which is the complete URL and no base
	insecure  *bool  // nil: not said
	hasCerts  bool   // a certificate is configured, so TLS is meant
}

const wantEndpoint = "host:port, or a URL like http://localhost:4317 or https://collector.example.com"

// parseEndpoint understands a URL with http, https or unix, and host, host:port or [::1]:4317 without a scheme, which
// the SDK's exporters misread. Without a scheme the connection is plaintext when the host is this machine and TLS
// otherwise, unless insecure says. A URL without a port means its scheme's port, as in a browser. A host without scheme
// and port means port 4317 or 4318.
func parseEndpoint(v value, rules endpointRules) (t Target, stated Stated, err error) {
	if path, ok := strings.CutPrefix(v.text, "unix:"); ok {
		t, err = parseUnix(v, path, rules)
		return t, Stated{Scheme: true, Port: true}, err
	}
	u, bare, err := splitEndpoint(v)
	if err != nil {
		return Target{}, stated, err
	}
	stated = Stated{Scheme: !bare, Port: u.Port() != "", Path: strings.Trim(u.Path, "/") != ""}
	t = Target{Network: "tcp", Protocol: rules.protocol, TLS: u.Scheme == "https"}
	if t.Protocol == "" {
		t.Protocol = guessProtocol(u)
	}
	if bare {
		t.TLS = bareTLS(u.Hostname(), rules)
	}
	if t.Address, err = hostPort(u, t.Protocol); err != nil {
		return Target{}, stated, v.bad(wantEndpoint, err)
	}
	if t.Protocol != GRPC {
		t.Path = rules.httpPath(u.EscapedPath(), bare)
	} else if stated.Path {
		return Target{}, stated, v.bad(
			"no path with protocol grpc, or protocol http/protobuf, whose port is "+httpPort, nil)
	}
	return t, stated, nil
}

// parseUnix reads unix:path and unix:///path. In unix://path gRPC would take the path for a host.
func parseUnix(v value, path string, rules endpointRules) (Target, error) {
	path, slashes := strings.CutPrefix(path, "//")
	switch {
	case strings.Trim(path, "/") == "" || slashes && path[0] != '/':
		return Target{}, v.bad("the path of a socket, like unix:///run/otel.sock", nil)
	case rules.protocol != "" && rules.protocol != GRPC:
		return Target{}, v.bad("protocol grpc with a unix socket", nil)
	}
	return Target{Protocol: GRPC, Network: "unix", Address: path}, nil
}

// noScheme is the scheme that splitEndpoint gives to a URL without one.
const noScheme = "bare"

// splitEndpoint takes the text apart, and refuses what an exporter would silently lose.
func splitEndpoint(v value) (u *url.URL, bare bool, err error) {
	text := v.text
	if addr, err := netip.ParseAddr(text); err == nil && addr.Is6() {
		text = "[" + text + "]"
	}
	if bare = !strings.Contains(text, "://"); bare {
		text = noScheme + "://" + text
	}
	u, err = url.Parse(text)
	switch {
	case err != nil:
		var inner *url.Error // its text repeats the value with a scheme that nobody wrote
		if errors.As(err, &inner) {
			err = inner.Err
		}
		if v = v.withoutSecrets(); v.text != text {
			err = nil // it may quote what was cut
		}
		return nil, false, v.bad(wantEndpoint, err)
	case u.User != nil:
		return nil, false, value{name: v.name}.bad(
			"no user or password in the endpoint; put credentials into the headers", nil)
	}
	v = v.withoutSecrets()
	switch {
	case u.Scheme != "http" && u.Scheme != "https" && !bare:
		return nil, false, v.bad(wantEndpoint, errors.New("unknown scheme "+u.Scheme))
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, false, v.bad("an endpoint without ? and #", nil)
	case strings.HasSuffix(u.Host, ":") || strings.HasPrefix(u.Path, "//"): // http:/localhost, http//localhost
		return nil, false, v.bad(wantEndpoint, nil)
	case !validHost(u.Hostname()):
		return nil, false, v.bad(wantEndpoint, errors.New("no valid host name"))
	}
	return u, bare, nil
}

// withoutSecrets is v without what may be a password or a key: what stands before @, and behind ? and #.
func (v value) withoutSecrets() value {
	if i := strings.IndexAny(v.text, "?#"); i >= 0 {
		v.text = v.text[:i+1] + "…"
	}
	if at := strings.LastIndex(v.text, "@"); at >= 0 {
		v.text = "…" + v.text[at:]
	}
	return v
}

// guessProtocol: 4318 is the port of OTLP over HTTP, and gRPC has no paths.
func guessProtocol(u *url.URL) string {
	if u.Port() == httpPort || strings.Trim(u.Path, "/") != "" {
		return HTTPProtobuf
	}
	return GRPC
}

// bareTLS decides for an endpoint without a scheme. Spans hold error texts: they leave the machine unencrypted only
// when somebody said so.
func bareTLS(host string, rules endpointRules) bool {
	if rules.insecure != nil {
		return !*rules.insecure
	}
	return rules.hasCerts || !isLocal(host)
}

func isLocal(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && isOwn(addr)
}

func isOwn(addr netip.Addr) bool { return addr.Unmap().IsLoopback() || addr.Unmap().IsUnspecified() }

func hostPort(u *url.URL, protocol string) (string, error) {
	defaults := map[string]string{"http": "80", "https": "443", noScheme: httpPort}
	if protocol == GRPC {
		defaults[noScheme] = grpcPort
	}
	port := cmp.Or(u.Port(), defaults[u.Scheme])
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", errors.New("a port is a number from 1 to 65535")
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// validHost is stricter than url.Parse, which lets most characters through.
func validHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsValid()
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
	return strings.Trim(host, allowed) == "" && strings.Trim(host, ".") != ""
}

// httpPath is where the signal is posted. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is taken as it stands, an empty path being
// the root, as the specification demands. Every other endpoint is a base, to which /v1/traces or /v1/metrics is added.
// A base that ends with such a path already loses it. (The specification would have both.)
func (r endpointRules) httpPath(path string, bare bool) string {
	switch {
	case r.perSignal && path != "":
		return path
	case r.perSignal && !bare:
		return "/"
	}
	base := strings.TrimRight(path, "/")
	for _, s := range []signal{traces, metrics} {
		base = strings.TrimSuffix(base, s.path)
	}
	return base + r.signal.path
}
