package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"time"

	"github.com/backspan/backspan/telemetry"
)

// A language is what a listener answers to the first bytes of HTTP/2 in the clear, which gRPC begins with.
type language int

const (
	silence language = iota // it said nothing in time
	hangup                  // it closed the connection
	http1                   // HTTP/1: OTLP over HTTP, or a web page
	http2                   // HTTP/2: gRPC
	gibberish
)

// A visit is what was found at an endpoint, without sending it any span.
type visit struct {
	dialErr error
	plain   language
	tls     bool   // it answers a TLS handshake
	alpn    string // what it chose there: h2 or http/1.1; may be empty
	certErr error  // why its certificate is not trusted
}

// helloHTTP2 is the client's connection preface of HTTP/2 with an empty SETTINGS frame.
const helloHTTP2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// call looks who is there. Each of its two attempts to talk is bounded by patience.
func call(ctx context.Context, d telemetry.Description, patience time.Duration) visit {
	var v visit
	conn, err := dial(ctx, d, patience)
	if err != nil {
		return visit{dialErr: err}
	}
	v.plain = greet(conn, patience)
	_ = conn.Close() // what was to be heard has been heard

	if conn, err = dial(ctx, d, patience); err != nil {
		return v // it was there a moment ago: what it said then still counts
	}
	defer conn.Close() //nolint:errcheck // as above
	v.handshake(ctx, conn, d, patience)
	return v
}

func dial(ctx context.Context, d telemetry.Description, patience time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	return dialer.DialContext(ctx, d.Network, d.Address)
}

// greet says hello in HTTP/2 and listens.
func greet(conn net.Conn, patience time.Duration) language {
	_ = conn.SetDeadline(time.Now().Add(patience)) // without one, the dialer's context still ends with the program
	if _, err := io.WriteString(conn, helloHTTP2); err != nil {
		return hangup
	}
	var head [9]byte // of a frame
	n, err := io.ReadFull(conn, head[:])
	var timeout net.Error
	switch text := string(head[:n]); {
	case n == 0 && asTimeout(err, &timeout):
		return silence
	case n == 0:
		return hangup
	case strings.HasPrefix(text, "HTTP/"):
		return http1
	case n == len(head) && head[3] == 4 && head[4]&^1 == 0: // SETTINGS, which a server begins with
		return http2
	}
	return gibberish
}

// handshake tries TLS, first believing anybody, as it has to be known whether it is TLS at all; nothing is sent but the
// handshake. Then the certificate is judged as the exporter would.
func (v *visit) handshake(ctx context.Context, conn net.Conn, d telemetry.Description, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name, _, err := net.SplitHostPort(d.Address)
	if err != nil {
		name = "localhost" // a socket
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.Trust != nil {
		config = d.Trust.Clone()
	}
	config.ServerName, config.NextProtos = name, []string{"h2", "http/1.1"}
	config.InsecureSkipVerify = true //nolint:gosec // see above
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return
	}
	state := client.ConnectionState()
	v.tls, v.alpn = true, state.NegotiatedProtocol
	options := x509.VerifyOptions{DNSName: name, Roots: config.RootCAs, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	_, v.certErr = state.PeerCertificates[0].Verify(options)
}
