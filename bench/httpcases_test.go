package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	script "github.com/backspan/backspan/retry/retrytest/flaky"
)

// A seen is what a case saw of a client: in words, and whether that is what the rule asks for.
type seen struct {
	text  string
	right bool
}

// An httpCase is one thing that can happen to a client that retries.
type httpCase struct {
	name string // as it stands in the table
	rule string
	body bool // it is about the request's body, which some take only as something else than an io.Reader
	run  func(*testing.T, *httpTry) seen
}

// httpCases are the twenty that clients get wrong. The rules are those of RFC 9110, of net/http's contract for a
// RoundTripper, and of what the users of these libraries ask for.
var httpCases = []httpCase{
	{"gave up on 503s", "the last response, readable", false, func(t *testing.T, try *httpTry) seen {
		resp, err := try.send(t, "503 {busy}", nil)
		if err != nil {
			return seen{"an error", false}
		}
		text := body(resp)
		return seen{fmt.Sprintf("%d, %q", resp.StatusCode, text), resp.StatusCode == 503 && text == "busy"}
	}},
	{"20 × 503 with 32 KiB, then 200", "1 connection", false, func(t *testing.T, try *httpTry) seen {
		try.retries, try.delay, try.longest = 20, time.Millisecond, time.Millisecond
		_, _ = try.send(t, "503 size=32KiB x20, 200", nil)
		n := try.connections()
		return seen{plural(n, "connection"), n == 1}
	}},
	{"a POST is answered 503", "sent once", false, func(t *testing.T, try *httpTry) seen {
		_, _ = try.send(t, "503", post("order"))
		return try.sends(1)
	}},
	{"a POST is answered 429", "sent again: no work was begun", false, func(t *testing.T, try *httpTry) seen {
		_, _ = try.send(t, "429 Retry-After-Ms=1, 200", post("order"))
		return try.sends(2)
	}},
	{"a POST that could not be sent", "sent again: nobody got it", false, func(t *testing.T, try *httpTry) seen {
		try.refuse.Store(2) // as where a service is restarted
		_, err := try.send(t, "200", post("order"))
		return seen{
			plural(int(try.dialled.Load()), "dial") +
				map[bool]string{true: "", false: ", an error"}[err == nil], err == nil,
		}
	}},
	{"an upload of 8 MiB", "streamed", true, func(t *testing.T, try *httpTry) seen {
		upload := &counting{Reader: io.LimitReader(zeros{}, 8<<20)}
		before := int64(-1)
		try.dial = func() {
			if before < 0 {
				before = upload.read.Load()
			}
		}
		_, _ = try.send(t, "200", func(r *http.Request) { r.Method, r.Body = http.MethodPut, io.NopCloser(upload) })
		return seen{fmt.Sprintf("%d MiB in memory", before>>20), before < 1<<20}
	}},
	{"a PUT whose body cannot be read twice", "sent once, whole", true, func(t *testing.T, try *httpTry) seen {
		_, _ = try.send(t, "503", func(r *http.Request) {
			r.Method, r.Body = http.MethodPut, io.NopCloser(io.LimitReader(zeros{}, 1000))
		})
		sizes := []string{}
		whole := true
		for _, r := range try.server.Requests() {
			sizes = append(sizes, fmt.Sprint(r.BodySize))
			whole = whole && r.BodySize == 1000
		}
		// To have buffered it and to send it again is right too.
		return seen{strings.Join(sizes, ", ") + " bytes", whole && len(sizes) > 0}
	}},
	{"the caller's request", "not changed, its body closed once", true, func(t *testing.T, try *httpTry) seen {
		closed := &counting{Reader: strings.NewReader("order")}
		var sent *http.Request
		_, _ = try.send(t, "503, 200", func(r *http.Request) {
			r.Method, r.Body = http.MethodPut, closed
			r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("order")), nil }
			sent = r
		})
		same := sent.Body == closed && len(sent.Header) == 0
		n := int(closed.closed.Load())
		changed := map[bool]string{true: "as it was", false: "changed"}[same]
		return seen{fmt.Sprintf("%s, closed %d ×", changed, n), same && n == 1}
	}},
	{"Retry-After: a date that is past", "the backoff is kept", false, func(t *testing.T, try *httpTry) seen {
		return try.hurried(t, `503 Retry-After="Wed, 21 Oct 2015 07:28:00 GMT"`)
	}},
	{"Retry-After: -5", "the backoff is kept", false, func(t *testing.T, try *httpTry) seen {
		return try.hurried(t, "503 Retry-After=-5")
	}},
	{"Retry-After: 9999999999", "at once: the 503", false, func(t *testing.T, try *httpTry) seen {
		return try.patience(t, "503 Retry-After=9999999999")
	}},
	{"Retry-After: 3600, 1.5 s of time", "at once: the 503", false, func(t *testing.T, try *httpTry) seen {
		return try.patience(t, "503 Retry-After=3600")
	}},
	{"Retry-After-Ms: 200", "waits 200 ms", false, func(t *testing.T, try *httpTry) seen {
		try.longest = 400 * time.Millisecond
		_, _ = try.send(t, "503 Retry-After-Ms=200, 200", nil)
		waits := try.waits()
		if len(waits) == 0 {
			return seen{"not sent again", false}
		}
		return seen{about(waits[0]), waits[0] >= 200*time.Millisecond}
	}},
	{"x-should-retry: false", "sent once", false, func(t *testing.T, try *httpTry) seen {
		_, _ = try.send(t, "503 X-Should-Retry=false", nil)
		return try.sends(1)
	}},
	{"200 ms for an attempt, a body that takes 400 ms", "the whole body", false, func(t *testing.T, try *httpTry) seen {
		try.attemptTimeout = 200 * time.Millisecond
		resp, err := try.send(t, "200 size=4KiB slow=400ms", nil)
		n := 0
		if err == nil {
			n = len(body(resp))
		}
		return seen{fmt.Sprintf("%d of 4096 bytes", n), n == 4096}
	}},
	{"a certificate that nobody knows", "one try", false, func(t *testing.T, try *httpTry) seen {
		unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
		unknown.Config.ErrorLog = log.New(io.Discard, "", 0)
		unknown.StartTLS()
		defer unknown.Close()
		_, _ = try.sendTo(t, unknown.URL, nil)
		n := int(try.dialled.Load())
		return seen{plural(n, "try"), n == 1}
	}},
	{"a 503 whose body stalls", "sent again within a second", false, func(t *testing.T, try *httpTry) seen {
		_, _ = try.send(t, "503 size=1KiB slow=1m, 200", nil)
		if waits := try.waits(); len(waits) > 0 {
			return seen{"sent again", true}
		}
		return seen{"held up until the deadline", false}
	}},
	{"MaxConnsPerHost=1, a 503 with a body", "sent again", false, func(t *testing.T, try *httpTry) seen {
		try.base.MaxConnsPerHost = 1
		resp, err := try.send(t, "503 size=32KiB, 200", nil)
		if err != nil {
			return seen{"blocks until the deadline", false}
		}
		return seen{fmt.Sprint(resp.StatusCode), resp.StatusCode == 200}
	}},
	{"cancelled in a wait", "returns with context.Canceled", false, func(t *testing.T, try *httpTry) seen {
		try.delay, try.longest = 800*time.Millisecond, 800*time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var at time.Time
		try.answered = func() {
			time.AfterFunc(50*time.Millisecond, func() { at = time.Now(); cancel() })
		}
		_, err := try.send(t, "503", func(r *http.Request) { *r = *r.WithContext(ctx) })
		took := time.Since(at)
		said := errors.Is(err, context.Canceled)
		if !said {
			return seen{"another error", false}
		}
		return seen{"after " + about(took), took < 400*time.Millisecond}
	}},
	{"a 503, then a 200: the trace", "2 attempts with numbers", false, func(t *testing.T, try *httpTry) seen {
		recorder := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
		ctx, root := provider.Tracer("test").Start(t.Context(), "request")
		_, _ = try.send(t, "503, 200", func(r *http.Request) { *r = *r.WithContext(ctx) })
		root.End()
		n := 0
		for _, span := range recorder.Ended() {
			for _, a := range span.Attributes() {
				if a.Key == "retry.attempt" || a.Key == "http.request.resend_count" {
					n++
				}
			}
		}
		return seen{plural(n, "attempt"), n == 2}
	}},
}

// Each client in each case, over TCP. That ours is right everywhere is checked; what the others do is shown, as a new
// version of theirs may do better. With -v it prints the table of docs/performance.md.
func TestHTTPCases(t *testing.T) {
	results := make([][]seen, len(httpCases))
	t.Run("cases", func(t *testing.T) {
		for i, c := range httpCases {
			results[i] = make([]seen, len(httpPeers))
			for j, peer := range httpPeers {
				t.Run(c.name+"/"+peer.name, func(t *testing.T) {
					t.Parallel()
					try := newTry(t, peer)
					results[i][j] = c.run(t, try)
				})
			}
		}
	})
	head := []string{"case", "what is right"}
	for _, peer := range httpPeers {
		head = append(head, strings.TrimSpace(peer.name+" "+peer.version()))
	}
	table := newTable(head...)
	for i, c := range httpCases {
		row := []string{c.name, c.rule}
		for j, s := range results[i] {
			if c.body && httpPeers[j].rewindable {
				row = append(row, "takes an io.ReadSeekCloser alone")
				continue
			}
			row = append(row, map[bool]string{true: "✓ ", false: "✗ "}[s.right]+s.text)
			if httpPeers[j].name == oursHTTP && !s.right {
				t.Errorf("%s: %s, want %s", c.name, s.text, c.rule)
			}
		}
		table.add(row...)
	}
	logTable(t, table)
}

// An httpTry is one client in one case.
type httpTry struct {
	peer   httpPeer
	server *script.Server
	base   *http.Transport

	retries        int
	delay, longest time.Duration
	attemptTimeout time.Duration

	refuse   atomic.Int64 // so many dials are refused
	dialled  atomic.Int64
	dial     func() // called before each
	answered func() // called when a response has arrived
}

// newTry has 3 retries after 20 ms, 40 ms and 80 ms, and a deadline of 1.5 s.
func newTry(t *testing.T, peer httpPeer) *httpTry {
	try := &httpTry{peer: peer, retries: 3, delay: 20 * time.Millisecond, longest: 100 * time.Millisecond}
	try.base = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		try.dialled.Add(1)
		if try.dial != nil {
			try.dial()
		}
		if try.refuse.Add(-1) >= 0 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errNobodyListens}
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	t.Cleanup(try.base.CloseIdleConnections)
	return try
}

var errNobodyListens = errors.New("connection refused")

// RoundTrip sends by base, and tells answered.
func (try *httpTry) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := try.base.RoundTrip(r)
	if err == nil && try.answered != nil {
		try.answered()
	}
	return resp, err
}

// send starts a server with the script and sends it one request, which change may change.
func (try *httpTry) send(t *testing.T, steps string, change func(*http.Request)) (*http.Response, error) {
	server, err := script.Start(script.Config{Script: steps})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	try.server = server
	return try.sendTo(t, server.URL(), change)
}

func (try *httpTry) sendTo(t *testing.T, url string, change func(*http.Request)) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	client := try.peer.build(httpSetup{
		base: try, retries: try.retries, delay: try.delay, longest: try.longest, attemptTimeout: try.attemptTimeout,
	})
	resp, err := client(request)
	if resp != nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, err
}

// sends is how often the request arrived.
func (try *httpTry) sends(want int) seen {
	n := len(try.server.Requests())
	return seen{fmt.Sprintf("sent %d ×", n), n == want}
}

func (try *httpTry) connections() int {
	var addresses []string
	for _, r := range try.server.Requests() {
		addresses = append(addresses, r.RemoteAddr)
	}
	slices.Sort(addresses)
	return len(slices.Compact(addresses))
}

// waits are the times between an answer and the next request.
func (try *httpTry) waits() (list []time.Duration) {
	requests := try.server.Requests()
	for i := 1; i < len(requests); i++ {
		list = append(list, requests[i].Time.Sub(requests[i-1].Time.Add(requests[i-1].Took)))
	}
	return list
}

// hurried says how long the client waited before its retries, when the server asked for something that has no sense.
func (try *httpTry) hurried(t *testing.T, steps string) seen {
	_, _ = try.send(t, steps, nil) //nolint:bodyclose // send closes it
	total := time.Duration(0)
	waits := try.waits()
	for _, w := range waits {
		total += w
	}
	return seen{
		fmt.Sprintf("%d sends in %s", len(waits)+1, about(total)), len(waits) > 0 && total >= 60*time.Millisecond,
	}
}

// patience says what the client does when the server asks for longer than there is time.
func (try *httpTry) patience(t *testing.T, steps string) seen {
	start := time.Now()
	resp, err := try.send(t, steps, nil) //nolint:bodyclose // likewise
	took := time.Since(start)
	if err != nil {
		return seen{
			fmt.Sprintf("%s, an error after %s", plural(len(try.server.Requests()), "send"), about(took)), false,
		}
	}
	n := len(try.server.Requests())
	return seen{
		fmt.Sprintf("%s, the %d after %s", plural(n, "send"), resp.StatusCode, about(took)),
		n == 1 && resp.StatusCode == 503 && took < time.Second,
	}
}

func post(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Method = http.MethodPost
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		r.Body, _ = r.GetBody()
		r.ContentLength = int64(len(text))
	}
}

func body(resp *http.Response) string {
	var text bytes.Buffer
	_, _ = text.ReadFrom(resp.Body) // what came is what is looked at
	return text.String()
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, strings.Replace(one+"s", "trys", "tries", 1))
}

// about is d without what differs between runs.
func about(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return "0 ms"
	case d < 900*time.Millisecond:
		return fmt.Sprintf("%d ms", (d+5*time.Millisecond)/(10*time.Millisecond)*10)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// zeros reads as zeros without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// counting counts what is read, and how often it is closed.
type counting struct {
	io.Reader
	read, closed atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func (c *counting) Close() error { c.closed.Add(1); return nil }
