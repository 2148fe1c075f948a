package retryhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"

	"github.com/backspan/backspan/retry"
)

// Why an attempt failed that left neither a response nor an error of Base's.
var (
	errTimeout error = timeoutError{}
	errNothing       = errors.New("retryhttp: Base returned neither a response nor an error")
)

// timeoutError is that of an attempt which took longer than Policy.AttemptTimeout.
type timeoutError struct{}

func (timeoutError) Error() string        { return "no response within AttemptTimeout" }
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Temporary() bool      { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Retryable is the default of Transport.Retryable. Worth another attempt are the statuses 408, 425, 429, 500, 502, 503,
// 504 and 529, and every error but one about the server's certificate. A server that sends x-should-retry, true or
// false, decides for itself.
func Retryable(resp *http.Response, err error) bool {
	if err != nil {
		return !isCertificate(err)
	}
	if resp == nil {
		return false
	}
	switch resp.Header.Get("X-Should-Retry") {
	case "true":
		return true
	case "false":
		return false
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return isThrottled(resp.StatusCode)
}

// statusOverloaded is what several APIs answer when they have more requests than they can serve.
const statusOverloaded = 529

func isThrottled(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == statusOverloaded
}

func isCertificate(err error) bool {
	for _, is := range [...]func(error) bool{
		isA[*tls.CertificateVerificationError], isA[x509.UnknownAuthorityError], isA[x509.HostnameError],
		isA[x509.CertificateInvalidError], isA[x509.SystemRootsError], isA[x509.UnhandledCriticalExtension],
		isA[x509.ConstraintViolationError], isA[x509.InsecureAlgorithmError],
	} {
		if is(err) {
			return true
		}
	}
	return false
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// answered decides about a response: nil when it is none that is retried.
func (s *send) answered(resp *http.Response) error {
	if !s.retryable(resp, nil) {
		return nil
	}
	wrong := &statusError{code: resp.StatusCode}
	wrong.why = s.whyOnce(resp.StatusCode == http.StatusTooManyRequests)
	s.again = wrong.why == ""
	wait, asked := after(resp.Header)
	switch {
	case asked:
		return retry.After(wait, wrong)
	case isThrottled(resp.StatusCode):
		return retry.Throttled(wrong)
	}
	return wrong
}

// failed decides about an error.
func (s *send) failed(err error) error {
	if !s.retryable(nil, err) || s.unusable(err) {
		return err
	}
	if why := s.whyOnce(s.wire.unsent(err)); why != "" {
		return &onceError{err, why}
	}
	s.again = true
	return err
}

// unusable reports whether err is about the request itself, such as a scheme that is not known or a header that is
// none: net/http's Transport says so before it asks for a connection.
func (s *send) unusable(err error) bool {
	_, known := s.transport.base().(*http.Transport)
	return known && s.wire.get.Load() == 0 && err != errTimeout //nolint:errorlint // our own, as it is
}

func (s *send) retryable(resp *http.Response, err error) bool {
	if own := s.transport.Retryable; own != nil {
		return own(resp, err)
	}
	return Retryable(resp, err)
}

// statusError is the error of an attempt that ended with a response.
type statusError struct {
	code int
	why  string // it is not sent again; may be empty
}

func (e *statusError) Error() string {
	text := strconv.Itoa(e.code)
	if name := http.StatusText(e.code); name != "" {
		text += " " + name
	}
	return text + once(e.why)
}

// ErrorType is what error.type says of it.
func (e *statusError) ErrorType() string { return strconv.Itoa(e.code) }

// onceError is an error of Base's whose request is not sent again.
type onceError struct {
	err error
	why string
}

func (e *onceError) Error() string { return e.err.Error() + once(e.why) }
func (e *onceError) Unwrap() error { return e.err }

func once(why string) string {
	if why == "" {
		return ""
	}
	return " (not sent again: " + why + ")"
}

// failure is what RoundTrip returns for an err of the loop. http.Client asks the outermost error for Timeout.
func failure(err error) error {
	if stopped, ok := errors.AsType[*retry.Error](err); ok {
		return &stoppedError{stopped}
	}
	return err
}

type stoppedError struct{ loop *retry.Error }

func (e *stoppedError) Error() string { return e.loop.Error() }
func (e *stoppedError) Unwrap() error { return e.loop }

func (e *stoppedError) Timeout() bool {
	n, ok := errors.AsType[net.Error](e.loop)
	return ok && n.Timeout()
}
