package retryhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
)

// listen serves each connection with serve, which knows its number from 1.
func listen(t *testing.T, serve func(conn net.Conn, number int)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for number := 1; ; number++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(conn, number)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return "http://" + listener.Addr().String()
}

// hidden is http.hidden_resends of each recorded attempt.
func hidden(recorder *retrytest.Recorder) (list []int64) {
	for _, span := range recorder.Spans() {
		n := int64(-1)
		for _, kv := range span.Attributes() {
			switch {
			case kv.Key == semconv.KindKey && kv.Value.AsString() == semconv.KindAttempt:
				n = max(n, 0)
			case kv.Key == semconv.HiddenResendsKey:
				n = kv.Value.AsInt64()
			}
		}
		if n >= 0 {
			list = append(list, n)
		}
	}
	return list
}

// net/http sends a request again by itself when a connection that it used again is closed.
func TestAStaleConnectionIsAHiddenResend(t *testing.T) {
	url := listen(t, func(conn net.Conn, number int) {
		in := bufio.NewReader(conn)
		for n := 1; ; n++ {
			if _, err := http.ReadRequest(in); err != nil || number == 1 && n == 2 {
				return
			}
			if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return
			}
		}
	})
	transport := own(t, &retryhttp.Transport{})
	if _, _, err := get(t, transport, url); err != nil {
		t.Fatal(err)
	}
	ctx, recorder := retrytest.Record(t, t.Context())
	if status, _, err := do(t, transport, request(t, ctx, "GET", url, nil)); status != 200 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	if got := hidden(recorder); len(got) != 1 || got[0] != 1 {
		t.Errorf("hidden resends of the attempts: %v", got)
	}
	transport.CloseIdleConnections()
}

// The operation's span is the first attempt's too below retry.FromFirstFailure. It gets no key of HTTP.
func TestHiddenResendsFromTheFirstFailure(t *testing.T) {
	url := listen(t, func(conn net.Conn, number int) {
		in, status := bufio.NewReader(conn), "500 Internal Server Error"
		if number == 1 {
			status = "200 OK"
		}
		for n := 1; ; n++ {
			if _, err := http.ReadRequest(in); err != nil || number == 1 && n == 2 {
				return
			}
			if _, err := io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return
			}
		}
	})
	policy := atOnce(1)
	policy.Spans = retry.FromFirstFailure
	transport := own(t, &retryhttp.Transport{Policy: policy})
	if _, _, err := get(t, transport, url); err != nil {
		t.Fatal(err)
	}
	ctx, recorder := retrytest.Record(t, t.Context())
	if status, _, err := do(t, transport, request(t, ctx, "GET", url, nil)); status != 500 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	for _, span := range recorder.Spans() {
		for _, kv := range span.Attributes() {
			if kv.Key == semconv.HiddenResendsKey {
				t.Errorf("%s has %s", span.Name(), kv.Key)
			}
		}
	}
	if got := recorder.Attempts("GET " + strings.TrimPrefix(url, "http://")); got != 2 {
		t.Errorf("%d attempts, want 2:\n%s", got, recorder.Tree())
	}
	transport.CloseIdleConnections()
}

// From the second attempt on there is a span of the attempt's own.
func TestHiddenResendsAfterTheFirstFailure(t *testing.T) {
	url := listen(t, func(conn net.Conn, number int) {
		in := bufio.NewReader(conn)
		for n := 1; ; n++ {
			if _, err := http.ReadRequest(in); err != nil || number == 1 && n == 2 {
				return
			}
			status := map[int]string{1: "500 Internal Server Error", 2: "200 OK"}[number]
			if _, err := io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return
			}
		}
	})
	policy := atOnce(1)
	policy.Spans = retry.FromFirstFailure
	transport := own(t, &retryhttp.Transport{Policy: policy})
	ctx, recorder := retrytest.Record(t, t.Context())
	if status, _, err := do(t, transport, request(t, ctx, "GET", url, nil)); status != 200 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	if got := hidden(recorder); !slices.Equal(got, []int64{0, 1}) {
		t.Errorf("hidden resends of the attempts: %v\n%s", got, recorder.Tree())
	}
	transport.CloseIdleConnections()
}

// speak serves HTTP/2 without TLS, frame by frame: refuse answers a stream until it says false, and then it is a 200.
func speak(t *testing.T, conn net.Conn, refuse func(*http2.Framer, uint32) bool) {
	t.Helper()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings() // what fails shows at the client
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			if refuse(framer, f.StreamID) {
				continue
			}
			var block bytes.Buffer
			_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			_ = framer.WriteHeaders(http2.HeadersFrameParam{
				StreamID: f.StreamID, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true,
			})
		}
	}
}

func TestStreamsRefusedAndConnectionsGoingAwayAreHiddenResends(t *testing.T) {
	for name, refuse := range map[string]func(f *http2.Framer, stream uint32){
		"REFUSED_STREAM": func(f *http2.Framer, stream uint32) {
			_ = f.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		},
		"GOAWAY": func(f *http2.Framer, _ uint32) { _ = f.WriteGoAway(0, http2.ErrCodeNo, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			refused := false
			url := listen(t, func(conn net.Conn, _ int) {
				speak(t, conn, func(f *http2.Framer, stream uint32) bool {
					mu.Lock()
					defer mu.Unlock()
					if refused {
						return false
					}
					refused = true
					refuse(f, stream)
					return true
				})
			})
			base := &http.Transport{Protocols: new(http.Protocols)}
			base.Protocols.SetUnencryptedHTTP2(true)
			defer base.CloseIdleConnections()
			ctx, recorder := retrytest.Record(t, t.Context())
			transport := &retryhttp.Transport{Base: base, Policy: &retry.Policy{AttemptTimeout: 20 * time.Second}}
			if status, _, err := do(t, transport, request(t, ctx, "GET", url, nil)); status != 200 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
			if got := hidden(recorder); len(got) != 1 || got[0] != 1 {
				t.Errorf("hidden resends of the attempts: %v\n%s", got, recorder.Tree())
			}
		})
	}
}

// The waits of net/http between its own resends are within AttemptTimeout.
func TestHiddenResendsAreBounded(t *testing.T) {
	url := listen(t, func(conn net.Conn, _ int) {
		speak(t, conn, func(f *http2.Framer, stream uint32) bool {
			_ = f.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
			return true
		})
	})
	base := &http.Transport{Protocols: new(http.Protocols)}
	base.Protocols.SetUnencryptedHTTP2(true)
	defer base.CloseIdleConnections()
	policy := &retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay, AttemptTimeout: 200 * time.Millisecond}
	within(t, 5*time.Second, func() {
		if _, _, err := get(t, &retryhttp.Transport{Base: base, Policy: policy}, url); err == nil {
			t.Error("no error")
		}
	})
}

// answersEarly answers 503 to the first request without reading its body, and reads that of the second.
func answersEarly(t *testing.T) http.Handler {
	t.Helper()
	var mu sync.Mutex
	requests := 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests++
		n := requests
		mu.Unlock()
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		size, err := io.Copy(io.Discard, r.Body)
		if size != earlySize || err != nil {
			t.Errorf("the second body has %d bytes, %v", size, err)
		}
	})
}

const earlySize = 4 << 20

// A server that answers before it has read the body: that of the next attempt is asked for when the old one is closed.
func TestAnAnswerBeforeTheBodyIsRead(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		url, base := p.serve(t, answersEarly(t))
		text := strings.Repeat("x", earlySize)
		bodies := []*source{newSource(text)}
		req := request(t, t.Context(), "PUT", url, bodies[0])
		req.ContentLength = earlySize
		if p == 1 { // else net/http writes the body whatever it is answered, and the server ends the connection
			base.ExpectContinueTimeout = 20 * time.Second
			req.Header.Set("Expect", "100-continue")
		}
		req.GetBody = func() (io.ReadCloser, error) {
			if got := bodies[len(bodies)-1].closed.Load(); got != 1 {
				t.Errorf("the body before was closed %d times, want once", got)
			}
			bodies = append(bodies, newSource(text))
			return bodies[len(bodies)-1], nil
		}
		status, _, err := do(t, &retryhttp.Transport{Base: base, Policy: atOnce(3)}, req)
		if status != 200 || err != nil {
			t.Errorf("%d, %v", status, err)
		}
		for _, body := range bodies {
			body.expectClosedOnce(t)
		}
	})
}

// Trailers of a request, filled while its body is read, arrive; those of a response are there when its body has ended.
func TestTrailers(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		var mu sync.Mutex
		var got []string
		url, base := p.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // the trailer shows whether it ended
			mu.Lock()
			got = append(got, r.Trailer.Get("X-Sum"))
			first := len(got) == 1
			mu.Unlock()
			w.Header().Set("Trailer", "X-Answer")
			if first {
				w.WriteHeader(http.StatusInternalServerError)
			}
			_, _ = io.WriteString(w, "hello")
			w.Header().Set("X-Answer", "42")
		}))
		req := request(t, t.Context(), "PUT", url, nil)
		req.Trailer = http.Header{"X-Sum": nil}
		fill := func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
				req.Trailer.Set("X-Sum", "7")
				return 0, io.EOF
			}))), nil
		}
		req.ContentLength = -1
		req.GetBody = fill
		req.Body, _ = fill()
		policy := atOnce(1)
		policy.AttemptTimeout = 20 * time.Second
		resp, err := (&retryhttp.Transport{Base: base, Policy: policy, SendAttempt: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }() // it is read
		if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil || resp.StatusCode != 200 {
			t.Errorf("%d %q, %v", resp.StatusCode, body, err)
		}
		if resp.Trailer.Get("X-Answer") != "42" {
			t.Errorf("the response's trailer is %v", resp.Trailer)
		}
		if len(got) != 2 || got[0] != "7" || got[1] != "7" {
			t.Errorf("the requests' trailers are %q", got)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// However early or late a caller leaves, the request ends, and nothing is left behind (see TestMain).
func TestCancelAtAnyMoment(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503 size=2KiB slow=5ms, reset, 200 delay=2ms size=256KiB slow=10ms")
		transport := server.below(&retryhttp.Transport{NoBudget: true, Policy: &retry.Policy{
			MaxRetries: 3, BaseDelay: 2 * time.Millisecond, MaxDelay: 3 * time.Millisecond,
			AttemptTimeout: 15 * time.Millisecond,
		}})
		for i := range 40 {
			server.Reset()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
			body := newSource("body")
			req := request(t, ctx, "PUT", server.url, body)
			req.GetBody = func() (io.ReadCloser, error) { return newSource("body"), nil }
			within(t, 5*time.Second, func() {
				if resp, err := transport.RoundTrip(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body) // it may be cut off
					_ = resp.Body.Close()
				}
			})
			cancel()
			body.expectClosedOnce(t)
		}
	})
}
