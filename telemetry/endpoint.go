package telemetry

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// The protocols that spans are exported with, as OTEL_EXPORTER_OTLP_PROTOCOL spells them.
const (
	ProtocolGRPC         = "grpc"
	ProtocolHTTPProtobuf = "http/protobuf"
	ProtocolHTTPJSON     = "http/json"
	ProtocolConsole      = "console" // OTEL_TRACES_EXPORTER=console: printed, not sent
)

const (
	grpcPort   = "4317"
	httpPort   = "4318"
	tracesPath = "/v1/traces"
)

// endpoint is where a collector listens, understood.
type endpoint struct {
	host     string // host:port, or the whole unix: target
	socket   bool   // host is a unix: target
	path     string // of HTTP, escaped; empty for gRPC
	tls      bool
	protocol string
}

// String is the endpoint as a URL.
func (e endpoint) String() string {
	switch {
	case e.socket:
		return e.host
	case e.tls:
		return "https://" + e.urlHost() + e.path
	default:
		return "http://" + e.urlHost() + e.path
	}
}

// urlHost escapes the zone of an IPv6 address, fe80::1%eth0, as URLs want it.
func (e endpoint) urlHost() string { return strings.Replace(e.host, "%", "%25", 1) }

// target is the endpoint for grpc.NewClient, which takes unix:4317 for a socket even when unix is a host.
func (e endpoint) target() string {
	if e.socket {
		return e.host
	}
	return "dns:///" + e.host
}

// endpointRules are what surrounds an endpoint's text and bears on its meaning.
type endpointRules struct {
	protocol  string // empty: told by the port and the path
	perSignal bool   // OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which names the very URL and not its base
	insecure  *bool  // nil: not said
	hasCerts  bool   // a certificate is configured, so TLS is meant
}

const wantEndpoint = "host:port, or a URL like http://localhost:4317 or https://collector.example.com"

// parseEndpoint understands what people write: a URL with http, https or unix; or host, host:port, [::1]:4317
// without a scheme, which the SDK's exporters misread. Without a scheme the connection is plaintext when the host is
// this machine and TLS otherwise, unless insecure says. A URL without a port means its scheme's, as in a browser;
// a bare host without one means 4317 or 4318.
func parseEndpoint(s setting, rules endpointRules) (endpoint, error) {
	if rest, ok := strings.CutPrefix(s.value, "unix:"); ok {
		return parseUnix(s, strings.TrimLeft(rest, "/"), rules)
	}
	u, bare, err := splitEndpoint(s)
	if err != nil {
		return endpoint{}, err
	}
	e := endpoint{protocol: rules.protocol}
	if e.protocol == "" {
		e.protocol = guessProtocol(u)
	}
	switch u.Scheme {
	case "http":
	case "https":
		e.tls = true
	default:
		e.tls = bareTLS(u.Hostname(), rules)
	}
	if e.host, err = hostPort(u, bare, e.protocol); err != nil {
		return endpoint{}, s.bad(wantEndpoint, err)
	}
	if e.protocol != ProtocolGRPC {
		e.path = httpPath(u.EscapedPath(), rules.perSignal, bare)
	} else if strings.Trim(u.Path, "/") != "" {
		return endpoint{}, s.bad("no path with protocol grpc, or protocol http/protobuf", nil)
	}
	return e, nil
}

func parseUnix(s setting, path string, rules endpointRules) (endpoint, error) {
	switch {
	case path == "":
		return endpoint{}, s.bad("the path of a socket, like unix:///run/otel.sock", nil)
	case rules.protocol != "" && rules.protocol != ProtocolGRPC:
		return endpoint{}, s.bad("protocol grpc with a unix socket", nil)
	}
	return endpoint{host: s.value, socket: true, protocol: ProtocolGRPC}, nil
}

// splitEndpoint takes the text apart and refuses what would silently be lost on the way to an exporter.
func splitEndpoint(s setting) (u *url.URL, bare bool, err error) {
	text := s.value
	if addr, err := netip.ParseAddr(text); err == nil && addr.Is6() {
		text = "[" + text + "]"
	}
	if bare = !strings.Contains(text, "://"); bare {
		text = "bare://" + text
	}
	u, err = url.Parse(text)
	switch {
	case err != nil:
		var inner *url.Error // its text repeats the value with a scheme that nobody wrote
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, false, setting{s.name, withoutUser(s.value)}.bad(wantEndpoint, err)
	case u.User != nil:
		return nil, false, s.badSecret("no user or password in the endpoint; put credentials into the headers")
	case u.Scheme != "http" && u.Scheme != "https" && !bare:
		return nil, false, s.bad(wantEndpoint, errors.New("unknown scheme "+u.Scheme))
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, false, s.bad("an endpoint without ? and #", nil)
	case strings.HasSuffix(u.Host, ":") || strings.HasPrefix(u.Path, "//"): // http:/localhost, http//localhost
		return nil, false, s.bad(wantEndpoint, nil)
	case !validHost(u.Hostname()):
		return nil, false, s.bad(wantEndpoint, errors.New("no valid host name"))
	}
	return u, bare, nil
}

// withoutUser cuts what may be a password from a text that could not be parsed.
func withoutUser(text string) string {
	if at := strings.LastIndex(text, "@"); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

// guessProtocol tells the protocol when nobody said: 4318 is the port of OTLP over HTTP, and gRPC has no paths.
func guessProtocol(u *url.URL) string {
	if u.Port() == httpPort || strings.Trim(u.Path, "/") != "" {
		return ProtocolHTTPProtobuf
	}
	return ProtocolGRPC
}

// bareTLS decides for an endpoint without a scheme. Spans hold error texts: they leave the machine in the clear only
// when somebody said so.
func bareTLS(host string, rules endpointRules) bool {
	switch {
	case rules.insecure != nil:
		return !*rules.insecure
	case rules.hasCerts:
		return true
	default:
		return !isLocal(host)
	}
}

func isLocal(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLoopback() || addr.IsUnspecified())
}

func hostPort(u *url.URL, bare bool, protocol string) (string, error) {
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme, bare, protocol)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", errors.New("a port is a number from 1 to 65535")
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

func defaultPort(scheme string, bare bool, protocol string) string {
	switch {
	case bare && protocol == ProtocolGRPC:
		return grpcPort
	case bare:
		return httpPort
	case scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// validHost is stricter than url.Parse, which lets most characters through.
func validHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsValid()
	}
	for _, c := range host {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return strings.Trim(host, ".") != ""
}

// httpPath is where spans are posted. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is taken as it stands, an empty path being
// the root, as the specification demands; every other endpoint is a base, to which /v1/traces is added unless it is
// there already (the specification would double it, which nobody wants).
func httpPath(path string, perSignal, bare bool) string {
	switch {
	case perSignal && path != "":
		return path
	case perSignal && !bare:
		return "/"
	}
	base := strings.TrimRight(path, "/")
	if strings.HasSuffix(base, tracesPath) {
		return base
	}
	return base + tracesPath
}
