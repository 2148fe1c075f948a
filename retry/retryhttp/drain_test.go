package retryhttp_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry/retryhttp"
)

// countedBody counts what is read of a response.
type countedBody struct {
	io.ReadCloser
	read *atomic.Int64
}

func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	return n, err
}

// At most 64 KiB are read of a response that a retry follows, and a byte to see that this was all. Where it was, the
// connection is used again; HTTP/2 uses it in any case.
func TestHowMuchIsDrained(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for size, want := range map[string]struct{ read, connections int }{
			"64KiB": {64 << 10, 1},
			"1MiB":  {64<<10 + 1, map[protocol]int{1: 2, 2: 1}[p]},
		} {
			t.Run(size, func(t *testing.T) {
				server := p.play(t, "503 size="+size+", 200")
				var read atomic.Int64
				base := roundTripper(func(req *http.Request) (*http.Response, error) {
					resp, err := server.base.RoundTrip(req)
					if err == nil {
						resp.Body = countedBody{resp.Body, &read}
					}
					return resp, err
				})
				transport := &retryhttp.Transport{Base: base, Policy: atOnce(1)}
				if status, _, err := get(t, transport, server.url); status != 200 || err != nil {
					t.Errorf("%d, %v", status, err)
				}
				if got := read.Load(); got != int64(want.read) {
					t.Errorf("%d bytes were read, want %d", got, want.read)
				}
				server.ExpectConnections(t, want.connections)
			})
		}
	})
}

// stalledBody gives text, a byte each pause, and stalls when that is out.
type stalledBody struct {
	text   *strings.Reader
	pause  time.Duration
	end    bool // instead of stalling
	closed chan struct{}
	closes atomic.Int32
}

func (b *stalledBody) Read(p []byte) (int, error) {
	time.Sleep(b.pause)
	if b.end || b.text.Len() > 0 {
		return b.text.Read(p[:1])
	}
	<-b.closed
	return 0, io.ErrClosedPipe
}

func (b *stalledBody) Close() error {
	if b.closes.Add(1) == 1 {
		close(b.closed)
	}
	return nil
}

// Draining takes 100 ms at most. A body that has ended before is closed once.
func TestHowLongADrainTakes(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		end   bool
		want  time.Duration
	}{
		"stalls at once":      {0, false, 100 * time.Millisecond},
		"stalls after a word": {20 * time.Millisecond, false, 100 * time.Millisecond},
		"ends in time":        {20 * time.Millisecond, true, 80 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := &stalledBody{strings.NewReader("abc"), c.pause, c.end, make(chan struct{}), atomic.Int32{}}
				sent := 0
				base := roundTripper(func(*http.Request) (*http.Response, error) {
					if sent++; sent == 1 {
						return &http.Response{StatusCode: 503, Body: body}, nil
					}
					return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
				})
				began := time.Now()
				status, _, err := get(t, &retryhttp.Transport{Base: base, Policy: atOnce(1)}, "http://127.0.0.1")
				if took := time.Since(began); status != 200 || err != nil || took != c.want {
					t.Errorf("%d, %v after %v, want %v", status, err, took, c.want)
				}
				time.Sleep(time.Minute) // no timer is left
				if got := body.closes.Load(); got == 0 || c.end && got != 1 {
					t.Errorf("it was closed %d times", got)
				}
			})
		})
	}
}
