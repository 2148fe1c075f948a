package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/backspan/backspan/retry"
)

// maxBody bounds what is read of an answer.
const maxBody = 1 << 20

// A client fetches from the service, and says of each failure whether another attempt is worth it.
type client struct {
	base   string
	http   *http.Client
	policy retry.Policy // of each operation
}

func newClient(base string, policy retry.Policy) *client {
	return &client{
		base: base,
		// Without kept connections each attempt is on its own: net/http never repeats one behind our back.
		http:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		policy: policy,
	}
}

func (c *client) catalog(ctx context.Context) ([]Page, error) {
	return retry.Value(ctx, "fetch_catalog", c.policy, func(ctx context.Context) ([]Page, error) {
		var list []Page
		err := c.getJSON(ctx, catalogPath, &list)
		return list, err
	})
}

func (c *client) baseline(ctx context.Context) (float64, error) {
	return retry.Value(ctx, "fetch_baseline", c.policy, func(ctx context.Context) (float64, error) {
		var answer struct{ PPM float64 }
		err := c.getJSON(ctx, baselinePath, &answer)
		return answer.PPM, err
	})
}

func (c *client) page(ctx context.Context, p Page) ([]Row, error) {
	return retry.Value(ctx, "fetch_page", c.policy, func(ctx context.Context) ([]Row, error) {
		body, err := c.get(ctx, p.Path)
		if err != nil {
			return nil, err
		}
		rows, err := parse(body)
		if err != nil {
			// What the service serves is wrong, and it will serve the same again.
			return nil, retry.Permanent(fmt.Errorf("GET %s: %w", p.Path, err))
		}
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != p.SHA256 {
			return nil, fmt.Errorf("GET %s: checksum is %x…, want %.8s…", p.Path, sum[:4], p.SHA256)
		}
		return rows, nil
	})
}

func (c *client) getJSON(ctx context.Context, path string, v any) error {
	body, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return retry.Permanent(fmt.Errorf("GET %s: %w", path, err))
	}
	return nil
}

// get makes one attempt.
func (c *client) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return nil, retry.Permanent(err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, failure(path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, failure(path, err)
	}
	return body, statusError(path, response, c.policy.WithDefaults().MaxDelay)
}

// failure names the request and drops what is different each time, the ports.
func failure(path string, err error) error {
	var number syscall.Errno
	var wrapped *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return timeoutError{path}
	case errors.As(err, &number):
		return fmt.Errorf("GET %s: %w", path, number)
	case errors.As(err, &wrapped):
		return fmt.Errorf("GET %s: %w", path, wrapped.Err)
	default:
		return fmt.Errorf("GET %s: %w", path, err)
	}
}

// A timeoutError says in plain words what context.DeadlineExceeded, which it is, means for a request.
type timeoutError struct{ path string }

func (e timeoutError) Error() string { return "GET " + e.path + ": no answer in time" }
func (e timeoutError) Unwrap() error { return context.DeadlineExceeded }

// An httpError is an answer with a status that is no success.
type httpError struct {
	path   string
	status int
}

func (e httpError) Error() string {
	return fmt.Sprintf("GET %s: %d %s", e.path, e.status, http.StatusText(e.status))
}

// ErrorType follows OpenTelemetry's HTTP convention: the status code.
func (e httpError) ErrorType() string { return strconv.Itoa(e.status) }

// statusError asks for what the service asks for, but never for more than most: a demonstration should not take
// minutes.
func statusError(path string, response *http.Response, most time.Duration) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	err := httpError{path, response.StatusCode}
	switch {
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= http.StatusInternalServerError:
		if wait, ok := retryAfterHeader(response.Header.Get("Retry-After")); ok {
			return retry.After(min(wait, most), err)
		}
		return err
	default: // we asked for the wrong thing, and would again
		return retry.Permanent(err)
	}
}

// retryAfterHeader reads both forms of the header (RFC 9110, section 10.2.3).
func retryAfterHeader(value string) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return time.Until(date), true
	}
	return 0, false
}
