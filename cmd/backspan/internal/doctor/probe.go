package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/otelenv"
)

// An answer is what a server answers to the first bytes of plaintext HTTP/2, with which gRPC begins.
type answer int

const (
	noAnswer      answer = iota // nothing in time
	closedAnswer                // it closed the connection
	http1Answer                 // HTTP/1: OTLP over HTTP, or another web server
	http2Answer                 // HTTP/2: gRPC
	unknownAnswer               // something else
)

// A probe is what was found at an endpoint without sending a span.
type probe struct {
	dialErr error  // there was no connection
	plain   answer // without TLS
	version string // with http1Answer: HTTP/1.1 or HTTP/1.0
	tls     bool   // it answers a TLS handshake
	alpn    string // the protocol chosen in the handshake: h2, http/1.1 or empty
	certErr error  // why its certificate is not trusted
}

// prefaceHTTP2 is the client's connection preface of HTTP/2 with an empty SETTINGS frame.
const prefaceHTTP2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// probeTarget connects without and with TLS, and once more when neither says who answers. timeout bounds each.
func probeTarget(ctx context.Context, env otelenv.Settings, timeout time.Duration) probe {
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, env.Target.Network, env.Target.Address)
	if err != nil {
		return probe{dialErr: err}
	}
	p := probe{}
	p.plain, p.version = plainAnswer(conn, timeout)
	_ = conn.Close() // it was only probed

	if conn, err = dialer.DialContext(ctx, env.Target.Network, env.Target.Address); err == nil {
		defer conn.Close() //nolint:errcheck // as above
		p.handshake(ctx, conn, env, timeout)
	}
	if !p.tls && (p.plain == closedAnswer || p.plain == unknownAnswer) {
		p.askHTTP(ctx, env.Target, timeout)
	}
	return p
}

// askHTTP asks in the oldest HTTP. A server that knows no newer one takes HTTP/2's preface for a broken request, and
// answers with a page without a header, or with nothing.
func (p *probe) askHTTP(ctx context.Context, t otelenv.Target, timeout time.Duration) {
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, t.Network, t.Address)
	if err != nil {
		return
	}
	defer conn.Close()                            //nolint:errcheck // it was only probed
	_ = conn.SetDeadline(time.Now().Add(timeout)) // fails only on a closed connection
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return
	}
	head := make([]byte, len("HTTP/1.0"))
	if _, err := io.ReadFull(conn, head); err == nil && strings.HasPrefix(string(head), "HTTP/1.") {
		p.plain, p.version = http1Answer, string(head)
	}
}

// plainAnswer sends HTTP/2's preface without TLS, and reads what comes back.
func plainAnswer(conn net.Conn, timeout time.Duration) (a answer, version string) {
	_ = conn.SetDeadline(time.Now().Add(timeout)) // fails only on a closed connection
	if _, err := io.WriteString(conn, prefaceHTTP2); err != nil {
		return closedAnswer, ""
	}
	var head [9]byte // of a frame
	n, err := io.ReadFull(conn, head[:])
	switch text := string(head[:n]); {
	case n == 0 && isTimeout(err):
		return noAnswer, ""
	case n == 0:
		return closedAnswer, ""
	case strings.HasPrefix(text, "HTTP/"):
		return http1Answer, text[:min(n, len("HTTP/1.1"))]
	case n == len(head) && head[3] == 4 && head[4]&^1 == 0: // SETTINGS, the first frame of a server
		return http2Answer, ""
	}
	return unknownAnswer, ""
}

// handshake makes a TLS handshake and sends nothing more. It first accepts any certificate, to find out whether the
// server speaks TLS at all, and then verifies the certificate as the exporter does.
func (p *probe) handshake(ctx context.Context, conn net.Conn, env otelenv.Settings, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	name, _, err := net.SplitHostPort(env.Target.Address)
	if err != nil {
		name = "localhost" // a socket
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if env.Certificates != nil {
		config = env.Certificates.Clone()
	}
	config.ServerName, config.NextProtos = name, []string{"h2", "http/1.1"}
	config.InsecureSkipVerify = true
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return
	}
	state := client.ConnectionState()
	p.tls, p.alpn = true, state.NegotiatedProtocol
	options := x509.VerifyOptions{DNSName: name, Roots: config.RootCAs, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	_, p.certErr = state.PeerCertificates[0].Verify(options)
}
