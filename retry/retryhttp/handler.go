package retryhttp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// HandlerOptions are those of Handler. The zero HandlerOptions are right for most.
type HandlerOptions struct {
	// NoReadAhead leaves bodies to next. Otherwise those of up to 64 KiB, with a Content-Length, are read before next
	// is called, if they came over HTTP/1.1 without "Expect: 100-continue": net/http sees a client leave only then.
	NoReadAhead bool
}

// The bounds of what Handler believes and reads.
const (
	maxTimeout = time.Hour
	readAhead  = 64 << 10
)

// Handler is the server's half of a Transport that has SendDeadline and SendAttempt: it ends work that nobody waits for
// any more, which in a storm is most of the work. The context of a request ends when the time that X-Request-Timeout-Ms
// leaves is over. A request whose time was over when it came (0), or when its body was read ahead, or whose client has
// left, is answered with 503 and x-should-retry: false, and does not reach next. Values that are no number from 0 to an
// hour are ignored.
//
// The span in a request's context, which is the server's, gets retry.resend=true when X-Retry-Attempt is 2 or more. So
// the Handler goes inside instrumentation: otelhttp.NewHandler(retryhttp.Handler(next, …), …).
//
// A nil next is http.DefaultServeMux.
func Handler(next http.Handler, options HandlerOptions) http.Handler {
	if next == nil {
		next = http.DefaultServeMux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if n, err := strconv.Atoi(r.Header.Get(attemptHeader)); err == nil && n > 1 {
			trace.SpanFromContext(ctx).SetAttributes(semconv.ResendKey.Bool(true))
		}
		left, known := timeLeft(r.Header)
		if ctx.Err() != nil || known && left == 0 {
			refuse(w)
			return
		}
		if known {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, left)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if !options.NoReadAhead && r.ProtoMajor == 1 && r.Header.Get("Expect") == "" &&
			r.ContentLength > 0 && r.ContentLength <= readAhead {
			if r = withBodyRead(r); ctx.Err() != nil {
				refuse(w)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers a request that nobody waits for any more.
func refuse(w http.ResponseWriter) {
	w.Header().Set("X-Should-Retry", "false")
	http.Error(w, "the time of the caller is over", http.StatusServiceUnavailable)
}

// timeLeft is what the caller's header leaves. known is false without one, and for what a caller cannot mean.
func timeLeft(h http.Header) (left time.Duration, known bool) {
	ms, err := strconv.ParseInt(h.Get(timeoutHeader), 10, 64)
	if err != nil || ms < 0 || ms > maxTimeout.Milliseconds() {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// withBodyRead returns r with a body that was read already, and fails where that did.
func withBodyRead(r *http.Request) *http.Request {
	text, err := io.ReadAll(r.Body)
	var rest io.Reader = http.NoBody
	if err != nil {
		rest = failingReader{err}
	}
	r = r.WithContext(r.Context()) // a copy
	r.Body = &peekedBody{io.MultiReader(bytes.NewReader(text), rest), r.Body}
	return r
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }
