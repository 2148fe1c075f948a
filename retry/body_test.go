package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/backspan/backspan/retry"
)

// eachProtocol runs a test with a real server and a client that speak HTTP/1.1, and again with HTTP/2.
func eachProtocol(t *testing.T,
	test func(t *testing.T, get func(ctx context.Context, size int) (*http.Response, error)),
) {
	for major, name := range map[int]string{1: "HTTP/1.1", 2: "HTTP/2"} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(serveBytes))
			server.EnableHTTP2 = major == 2
			server.StartTLS()
			defer server.Close()
			client := server.Client()
			defer client.CloseIdleConnections()
			test(t, func(ctx context.Context, size int) (*http.Response, error) {
				p := retry.Policy{AttemptTimeout: time.Minute}
				return retry.Value(ctx, "get", p, func(ctx context.Context) (*http.Response, error) {
					request, err := http.NewRequestWithContext(ctx, http.MethodGet,
						server.URL+"/"+strconv.Itoa(size), http.NoBody)
					if err != nil {
						return nil, retry.Permanent(err)
					}
					response, err := client.Do(request)
					if err == nil && response.ProtoMajor != major {
						err = fmt.Errorf("the answer is %s", response.Proto)
					}
					return response, err
				})
			})
		})
	}
}

// serveBytes answers with as many bytes as the path says. A negative number means that the body never ends.
func serveBytes(w http.ResponseWriter, r *http.Request) {
	size, _ := strconv.Atoi(r.URL.Path[1:])
	if size >= 0 {
		_, _ = w.Write(bytes.Repeat([]byte{'x'}, size))
		return
	}
	_, _ = io.WriteString(w, "x")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	panic(http.ErrAbortHandler) // an orderly end could reach the client before its own
}

// A response whose header made the attempt a success has a body that comes after it.
func TestABodyIsReadableAfterItsAttempt(t *testing.T) {
	eachProtocol(t, func(t *testing.T, get func(context.Context, int) (*http.Response, error)) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, size := range []int{0, 3_000, 5_000, 10_000_000} {
			response, err := get(ctx, size)
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC() // whatever hangs on the garbage collector may come now
			runtime.GC()
			n, err := io.Copy(io.Discard, response.Body)
			if n != int64(size) || err != nil {
				t.Errorf("%d of %d bytes, error %v", n, size, err)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A body that never ends does with the context of Do, also when only the body holds on to the attempt.
func TestABodyThatHangsEndsWithItsContext(t *testing.T) {
	eachProtocol(t, func(t *testing.T, get func(context.Context, int) (*http.Response, error)) {
		ctx, cancel := context.WithCancel(t.Context())
		response, err := get(ctx, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		read := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, response.Body)
			read <- err
		}()
		for range 5 {
			runtime.GC()
		}
		select {
		case err := <-read:
			t.Fatalf("the body ended by itself: %v", err)
		default:
		}
		cancel()
		if err := <-read; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	})
}

// A service has one context for its life, and operations without number below it.
func TestAttemptsDoNotCollectBelowAContextThatNeverEnds(t *testing.T) {
	eachProtocol(t, func(t *testing.T, get func(context.Context, int) (*http.Response, error)) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rounds := func(n int) {
			for range n {
				response, err := get(ctx, 5_000)
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, response.Body)
				if err := errors.Join(err, response.Body.Close()); err != nil {
					t.Fatal(err)
				}
			}
		}
		rounds(100)
		before := heap()
		const n = 1_000
		rounds(n)
		// An attempt that is not let go is a kilobyte at least.
		if grown := heap() - before; grown > n*300 {
			t.Errorf("%d bytes more after %d operations", grown, n)
		}
		runtime.KeepAlive(ctx)
	})
}

// heap is what is in use when garbage is collected and the cleanups that it caused have run.
func heap() int64 {
	for range 3 {
		runtime.GC()
		done := make(chan struct{})
		runtime.AddCleanup(new([16]int), func(done chan struct{}) { close(done) }, done)
		runtime.GC()
		<-done
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
