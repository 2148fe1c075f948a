package retryhttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestRetryableStatuses(t *testing.T) {
	for status := 200; status < 600; status++ {
		want := slices.Contains([]int{408, 425, 429, 500, 502, 503, 504, 529}, status)
		if got := retryhttp.Retryable(&http.Response{StatusCode: status}, nil); got != want {
			t.Errorf("%d: %v", status, got)
		}
	}
	if retryhttp.Retryable(nil, nil) {
		t.Error("nothing is retryable")
	}
}

func TestResendableMethods(t *testing.T) {
	for method, want := range map[string]bool{
		"": true, "GET": true, "HEAD": true, "OPTIONS": true, "TRACE": true, "PUT": true, "DELETE": true, "QUERY": true,
		"POST": false, "PATCH": false, "CONNECT": false, "BREW": false,
	} {
		req := &http.Request{Method: method}
		if got := retryhttp.Resend(req); got != want {
			t.Errorf("%q: %v", method, got)
		}
		for _, key := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
			req.Header = http.Header{key: nil}
			if !retryhttp.Resend(req) {
				t.Errorf("%q with %s is not sent again", method, key)
			}
		}
	}
}

// post is the name of the operations in these tests.
func post(*http.Request) string { return "post" }

// What a POST meets decides whether it is sent again.
func TestAPostIsSentAgainOnlyWhereNothingWasDone(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for script, want := range map[string]struct {
			sent, status int
			outcome      string
		}{
			"503 {busy}, 200":          {1, 503, "not_retryable"},
			"429, 200":                 {2, 200, "recovered"},
			"503 x-should-retry=true":  {1, 503, "not_retryable"},
			"404, 200":                 {1, 404, "success"},
			"reset, 200":               {1, 0, "not_retryable"},
			"429 x-should-retry=false": {1, 429, "success"},
		} {
			t.Run(script, func(t *testing.T) {
				server := p.play(t, script)
				ctx, recorder := retrytest.Record(t, t.Context())
				transport := server.below(&retryhttp.Transport{Policy: atOnce(1), Name: post})
				status, _, err := do(t, transport, request(t, ctx, "POST", server.url, strings.NewReader("body")))
				if status != want.status || (err != nil) != (want.status == 0) {
					t.Errorf("%d, %v", status, err)
				}
				const why = "(not sent again: the server may have acted on this POST)"
				if got := attempts(recorder); want.outcome == "not_retryable" &&
					(len(got) != 1 || !strings.HasSuffix(got[0], why)) {
					t.Errorf("attempts failed with %q, want %q", got, why)
				}
				if got := recorder.Outcomes("post"); len(got) != 1 || got[0] != want.outcome {
					t.Errorf("outcomes %q", got)
				}
				server.ExpectRequests(t, want.sent)
			})
		}
	})
}

// Transport.Resend takes the place of the function Resend. It is not asked where the server cannot have acted.
func TestOwnResend(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for name, c := range map[string]struct {
			method, script string
			answer         bool
			sent           int
		}{
			"a POST that may":    {"POST", "503, 200", true, 2},
			"a GET that may not": {"GET", "503, 200", false, 1},
			"a 429":              {"GET", "429, 200", false, 2},
		} {
			server := p.play(t, c.script)
			resend := func(req *http.Request) bool { return req.Method == c.method && c.answer }
			transport := server.below(&retryhttp.Transport{Policy: atOnce(1), Resend: resend})
			if _, _, err := do(t, transport, request(t, t.Context(), c.method, server.url, nil)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			server.ExpectRequests(t, c.sent)
		}
	})
}

// Each attempt is judged by itself: what the one before was says nothing.
func TestTheLastAttemptDecides(t *testing.T) {
	sent := 0
	base := roundTripper(func(*http.Request) (*http.Response, error) {
		if sent++; sent == 1 {
			return &http.Response{StatusCode: 503}, nil
		}
		return nil, x509.UnknownAuthorityError{}
	})
	_, _, err := get(t, &retryhttp.Transport{Base: base, Policy: atOnce(5)}, "http://127.0.0.1")
	if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrNotRetryable || sent != 2 {
		t.Errorf("%v after %d attempts, want not retryable after 2", err, sent)
	}
}

func TestShouldRetryWins(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for script, want := range map[string]int{
			"404 x-should-retry=true, 200": 2, "503 x-should-retry=false, 200": 1, "503 x-should-retry=maybe, 200": 2,
		} {
			server := p.play(t, script)
			if _, _, err := get(t, server.below(&retryhttp.Transport{Policy: atOnce(1)}), server.url); err != nil {
				t.Error(err)
			}
			server.ExpectRequests(t, want)
		}
	})
}

// refused is an address where nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + listener.Addr().String()
}

// hangsUp is an address where connections end before TLS has begun.
func hangsUp(t *testing.T) string {
	t.Helper()
	return strings.TrimPrefix(listen(t, func(net.Conn, int) {}), "http://")
}

// A POST that found no connection is sent again: refused, without DNS, through a proxy that is down, with TLS that
// fails.
func TestAPostWithoutAConnectionIsSentAgain(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		nobody, trusting := p.refused(t)
		proxy := request(t, t.Context(), "GET", nobody, nil).URL
		unknown := func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "backspan.invalid", IsNotFound: true}
		}
		for name, c := range map[string]struct {
			url    string
			change func(*http.Transport)
		}{
			"refused": {url: nobody},
			"DNS": {
				proxy.Scheme + "://backspan.invalid", func(base *http.Transport) { base.DialContext = unknown },
			},
			"proxy": {proxy.Scheme + "://backspan.invalid", func(base *http.Transport) {
				base.DialContext = nil // that of httptest finds its server under every name
				base.Proxy = http.ProxyURL(proxy)
			}},
			"TLS": {url: "https://" + hangsUp(t)},
		} {
			t.Run(name, func(t *testing.T) {
				base := trusting.Clone()
				if c.change != nil {
					c.change(base)
				}
				defer base.CloseIdleConnections()
				ctx, recorder := retrytest.Record(t, t.Context())
				transport := &retryhttp.Transport{Base: base, Policy: atOnce(2), Name: post}
				_, _, err := do(t, transport, request(t, ctx, "POST", c.url, strings.NewReader("body")))
				if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrExhausted || e.Attempts != 3 {
					t.Errorf("%v\n%s", err, recorder.Tree())
				}
			})
		}
	})
}

// roundTripper is a Base that calls no hooks of httptrace.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestABaseWithoutHooksProvesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		sent int
	}{
		"dial, but it said that it has a connection": {&net.OpError{Op: "dial", Err: errors.New("of a tunnel")}, 1},
		"dial":    {&net.OpError{Op: "dial", Err: errors.New("refused")}, 2},
		"DNS":     {&net.DNSError{Err: "no such host"}, 2},
		"read":    {&net.OpError{Op: "read", Err: errors.New("reset")}, 1},
		"another": {errors.New("broken"), 1},
		"nothing": {nil, 1},
	} {
		sent := 0
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if sent++; strings.Contains(name, "connection") {
				httptrace.ContextClientTrace(req.Context()).GotConn(httptrace.GotConnInfo{})
			}
			return nil, c.err
		})
		transport := &retryhttp.Transport{Base: base, Policy: atOnce(1)}
		if _, _, err := do(t, transport, request(t, t.Context(), "POST", "http://127.0.0.1", nil)); err == nil ||
			c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if sent != c.sent {
			t.Errorf("%s: sent %d times, want %d", name, sent, c.sent)
		}
	}
}

func TestCertificateErrorsAreFinal(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes that this test makes fail
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		known := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		for name, config := range map[string]*tls.Config{
			"unknown authority": {},
			"wrong name":        {RootCAs: known, ServerName: "other.invalid"},
			"expired":           {RootCAs: known, Time: func() time.Time { return time.Now().AddDate(500, 0, 0) }},
		} {
			dials := 0
			base := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: http2}
			base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials++
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			}
			_, _, err := get(t, &retryhttp.Transport{Base: base, Policy: atOnce(2)}, server.URL)
			if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrNotRetryable || dials != 1 {
				t.Errorf("%s: %v after %d connections", name, err, dials)
			}
			base.CloseIdleConnections()
		}
	}
}

// What a certificate lacks is told from a broken connection by the type, however deep it is.
func TestCertificateErrorsAreKnownByType(t *testing.T) {
	for _, final := range []error{
		&tls.CertificateVerificationError{Err: errors.New("own check")},
		x509.UnknownAuthorityError{},
		x509.HostnameError{Certificate: &x509.Certificate{}, Host: "other.invalid"},
		x509.CertificateInvalidError{Reason: x509.Expired},
		x509.SystemRootsError{},
		x509.UnhandledCriticalExtension{},
		x509.ConstraintViolationError{},
		x509.InsecureAlgorithmError(x509.MD5WithRSA),
	} {
		err := &url.Error{Op: "Get", URL: "https://127.0.0.1", Err: fmt.Errorf("handshake: %w", final)}
		if retryhttp.Retryable(nil, err) {
			t.Errorf("%T is retryable", final)
		}
	}
	for _, other := range []error{
		io.ErrUnexpectedEOF,
		tls.RecordHeaderError{Msg: "no TLS"},
		tls.AlertError(80), errors.New("x509: expired"),
		&net.OpError{Op: "read", Err: errors.New("reset")},
	} {
		if !retryhttp.Retryable(nil, other) {
			t.Errorf("%T is final", other)
		}
	}
}

// A 429 about the rate of requests is worth a wait; one about a quota is not.
func TestPeekTellsAQuotaFromARate(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		const quota = `{"error":{"type":"insufficient_quota"}}`
		transport := &retryhttp.Transport{Policy: atOnce(2), Retryable: func(resp *http.Response, err error) bool {
			if err == nil && resp.StatusCode == http.StatusTooManyRequests {
				if body, err := retryhttp.Peek(resp, 1<<10); err == nil && strings.Contains(string(body), "quota") {
					return false
				}
			}
			return retryhttp.Retryable(resp, err)
		}}
		server := p.play(t, "429 {slow down}, 529, 429 {"+quota+"}, 200")
		ctx, recorder := retrytest.Record(t, t.Context())
		status, body, err := do(t, server.below(transport), request(t, ctx, "GET", server.url, nil))
		if status != 429 || body != quota || err != nil {
			t.Errorf("%d %q, %v", status, body, err)
		}
		server.ExpectRequests(t, 3)
		if got, want := attempts(recorder), []string{"429 Too Many Requests", "529"}; !slices.Equal(got, want) {
			t.Errorf("attempts failed with %q, want %q", got, want)
		}
	})
}

func TestPeekPutsBack(t *testing.T) {
	for limit, want := range map[int64]string{0: "", 3: "abc", 100: "abcdef"} {
		body := newSource("abcdef")
		resp := &http.Response{Body: body}
		if got, err := retryhttp.Peek(resp, limit); string(got) != want || err != nil {
			t.Errorf("Peek(%d) = %q, %v", limit, got, err)
		}
		if all, err := io.ReadAll(resp.Body); string(all) != "abcdef" || err != nil {
			t.Errorf("after Peek(%d) the body is %q, %v", limit, all, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		body.expectClosedOnce(t)
	}
	for name, peek := range map[string]func() ([]byte, error){
		"limit is -1":          func() ([]byte, error) { return retryhttp.Peek(&http.Response{Body: http.NoBody}, -1) },
		"no response":          func() ([]byte, error) { return retryhttp.Peek(nil, 1) },
		"want one with a body": func() ([]byte, error) { return retryhttp.Peek(&http.Response{}, 1) },
		"101": func() ([]byte, error) {
			return retryhttp.Peek(&http.Response{StatusCode: 101, Body: http.NoBody}, 1)
		},
	} {
		if _, err := peek(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What was read of a body that breaks comes with the error, and is put back too.
func TestPeekOfABodyThatBreaks(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "429 size=1KiB cut=100")
		peeked := false
		transport := server.below(&retryhttp.Transport{Retryable: func(resp *http.Response, _ error) bool {
			peeked = true
			if got, err := retryhttp.Peek(resp, 1<<10); len(got) != 100 || err == nil {
				t.Errorf("%d bytes, %v; want the 100 that came, and an error", len(got), err)
			}
			return false
		}})
		resp, err := transport.RoundTrip(request(t, t.Context(), "GET", server.url, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); len(got) != 100 || err == nil || !peeked {
			t.Errorf("after Peek the body has %d bytes, %v", len(got), err)
		}
		_ = resp.Body.Close() // it is broken
	})
}

// The body of a 101 is the connection itself, and can be written to.
func TestSwitchingProtocolsIsNotWrapped(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n') // an error shows at the client
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	}))
	defer server.Close()
	req := request(t, t.Context(), "GET", server.URL, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	policy := atOnce(1)
	policy.AttemptTimeout = 30e9
	resp, err := own(t, &retryhttp.Transport{Policy: policy}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // the server has closed it
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body is a %T", resp.Body)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Error(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
		t.Errorf("%q, %v", line, err)
	}
}

func TestCloseIdleConnectionsIsForwarded(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "200")
		client := &http.Client{Transport: server.below(&retryhttp.Transport{})}
		for range 2 {
			if _, _, err := get(t, client.Transport, server.url); err != nil {
				t.Fatal(err)
			}
			client.CloseIdleConnections()
		}
		server.ExpectConnections(t, 2)
		(&retryhttp.Transport{Base: roundTripper(nil)}).CloseIdleConnections() // it can do nothing, and does not fail
	})
}
