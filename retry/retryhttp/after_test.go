package retryhttp_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
)

// Waits are measured on a clock of the test's: a Base answers without a network.
func TestRetryAfter(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT" // of the server, whose clock is decades behind
	const none, later = -1, math.MaxInt64        // no wish; beyond MaxAfter
	for headers, want := range map[string]time.Duration{
		"":                                   none,
		"Retry-After: 3":                     3 * time.Second,
		"Retry-After:   3 ":                  3 * time.Second,
		"Retry-After: 1.5":                   1500 * time.Millisecond,
		"Retry-After: 0":                     0,
		"Retry-After: -5":                    0,
		"Retry-After: 1e3":                   none,
		"Retry-After: 0x10":                  none,
		"Retry-After: NaN":                   none,
		"Retry-After: Inf":                   none,
		"Retry-After: soon":                  none,
		"Retry-After: 121":                   later,
		"Retry-After: 9999999999":            later,
		"Retry-After: 1" + zeros(400):        later,
		"Retry-After-Ms: 250":                250 * time.Millisecond,
		"x-ms-retry-after-ms: 250":           250 * time.Millisecond,
		"Retry-After-Ms: 250|Retry-After: 3": 250 * time.Millisecond,
		"Retry-After-Ms: x|Retry-After: 3":   3 * time.Second,
		"Retry-After: Sun, 06 Nov 1994 08:49:40 GMT|Date: " + date:  3 * time.Second,
		"Retry-After: Sunday, 06-Nov-94 08:49:40 GMT|Date: " + date: 3 * time.Second,
		"Retry-After: Sun Nov  6 08:49:40 1994|Date: " + date:       3 * time.Second,
		"Retry-After: Sun, 06 Nov 1994 08:49:00 GMT|Date: " + date:  0,
		"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT|Date: " + date:  later,
		"Retry-After: Sun, 06 Nov 1994 08:49:40 GMT|Date: never":    0,
		// The clock of the test's bubble begins then.
		"Retry-After: Sat, 01 Jan 2000 00:00:07 GMT": 7 * time.Second,
	} {
		t.Run(headers, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, sent := time.Now(), 0
				transport := &retryhttp.Transport{
					Policy: &retry.Policy{MaxRetries: 1, BaseDelay: 10 * time.Millisecond},
					Base: roundTripper(func(*http.Request) (*http.Response, error) {
						sent++
						return &http.Response{StatusCode: 500, Header: parse(headers), Body: http.NoBody}, nil
					}),
				}
				if status, _, err := get(t, transport, "http://127.0.0.1"); status != 500 || err != nil {
					t.Errorf("%d, %v", status, err)
				}
				waited := time.Since(began)
				switch {
				case want == later && (sent != 1 || waited != 0):
					t.Errorf("sent %d times after %v, want the response at once", sent, waited)
				case want != later && (sent != 2 || waited != max(want, 10*time.Millisecond)):
					t.Errorf("sent %d times after %v, want %v", sent, waited, want)
				}
			})
		})
	}
}

func zeros(n int) string { return strings.Repeat("0", n) }

func parse(lines string) http.Header {
	h := http.Header{}
	for line := range strings.SplitSeq(lines, "|") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Add(name, value)
		}
	}
	return h
}

// An overloaded server that asks for no wait gets one from a base of 1 s.
func TestThrottled(t *testing.T) {
	for _, c := range []struct {
		status int
		header string
		base   time.Duration
		want   time.Duration
	}{
		{429, "", 10 * time.Millisecond, 3 * time.Second},
		{503, "", 10 * time.Millisecond, 3 * time.Second},
		{529, "", 10 * time.Millisecond, 3 * time.Second},
		{503, "", 2 * time.Second, 6 * time.Second},
		{503, "", retry.NoDelay, 0},
		{503, "Retry-After: 0", 10 * time.Millisecond, 30 * time.Millisecond},
		{500, "", 10 * time.Millisecond, 30 * time.Millisecond},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				transport := &retryhttp.Transport{
					Policy: &retry.Policy{MaxRetries: 2, BaseDelay: c.base},
					Base: roundTripper(func(*http.Request) (*http.Response, error) {
						return &http.Response{StatusCode: c.status, Header: parse(c.header), Body: http.NoBody}, nil
					}),
				}
				if _, _, err := get(t, transport, "http://127.0.0.1"); err != nil {
					t.Error(err)
				}
				if waited := time.Since(began); waited != c.want {
					t.Errorf("waited %v, want %v", waited, c.want)
				}
			})
		})
	}
	if retry.Throttled(nil) != nil {
		t.Error("Throttled(nil) is an error")
	}
	broken := errors.New("broken")
	if err := retry.Throttled(broken); !errors.Is(err, broken) || err.Error() != "broken" {
		t.Errorf("%v", err)
	}
}

func TestRetryAfterOverTCP(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503 Retry-After=0.2, 429 Retry-After-Ms=100, 200")
		if status, _, err := get(t, server.below(&retryhttp.Transport{}), server.url); status != 200 || err != nil {
			t.Errorf("%d, %v", status, err)
		}
		server.ExpectWaits(t, 200*time.Millisecond, 100*time.Millisecond)
	})
}
