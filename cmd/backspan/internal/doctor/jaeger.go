package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/settings"
)

const (
	jaegerPort     = "16686"                // of its pages and its API
	jaegerPatience = 3 * time.Second        // longest wait for the span to arrive
	jaegerPause    = 100 * time.Millisecond // between two requests
)

// jaeger asks Jaeger for the test span. A collector may take a span and not send it on.
func (e *exam) jaeger(ctx context.Context) {
	if e.report.TraceID == "" {
		e.namedJaeger(ctx)
		return
	}
	base := e.JaegerURL
	if base == "" {
		base = e.guessJaeger()
	}
	shown := settings.PublicURL(base)
	ctx, cancel := context.WithTimeout(ctx, min(e.Timeout, jaegerPatience))
	defer cancel()
	for answered := false; ; answered = true {
		before := e.now()
		reply, err := ask(ctx, nil, base+"/api/v3/traces/"+e.report.TraceID)
		switch {
		case err != nil && !answered:
			e.noAnswerOf(shown, err)
			return
		case err == nil && !reply.fromJaeger():
			e.notJaeger(shown, reply)
			return
		case err == nil:
			e.compareClock(reply.date, before, "Jaeger's")
			if reply.state == http.StatusOK {
				e.found("jaeger", OK, "", "it has the test span: %s/trace/%s", shown, e.report.TraceID)
				return
			}
		}
		select {
		case <-time.After(jaegerPause):
			continue
		case <-ctx.Done():
		}
		e.found("jaeger", Note,
			"a collector that samples at the tail decides later, and may drop it; else look at the "+
				"exporters of its traces pipeline",
			"%s does not have the test span yet, though the collector took it", shown)
		return
	}
}

// namedJaeger checks that a Jaeger is where the settings say, when there is no test span to ask it for.
func (e *exam) namedJaeger(ctx context.Context) {
	if e.JaegerURL == "" {
		return
	}
	shown := settings.PublicURL(e.JaegerURL)
	ctx, cancel := context.WithTimeout(ctx, min(e.Timeout, jaegerPatience))
	defer cancel()
	const anyTrace = "00000000000000000000000000000001" // which it need not have
	switch reply, err := ask(ctx, nil, e.JaegerURL+"/api/v3/traces/"+anyTrace); {
	case err != nil:
		e.noAnswerOf(shown, err)
	case !reply.fromJaeger():
		e.notJaeger(shown, reply)
	default:
		e.found("jaeger", OK, "", "%s answers; there is no test span to ask it for", shown)
	}
}

func (e *exam) noAnswerOf(base string, err error) {
	switch u, parseErr := url.Parse(base); {
	case e.JaegerURL == "":
		e.found("jaeger", Note, "if it is elsewhere, BACKSPAN_JAEGER_URL=http://host:"+jaegerPort+" has it asked",
			"there is none at %s to ask for the test span", base)
	case parseErr != nil || u.Host == "":
		e.found("jaeger", Problem, "want the URL of Jaeger's pages, like http://localhost:"+jaegerPort,
			"BACKSPAN_JAEGER_URL is %q, which is no URL", base)
	default:
		if request, ok := errors.AsType[*url.Error](err); ok {
			err = request.Err // without the URL, which may hold a password
		}
		e.found("jaeger", Problem, "is BACKSPAN_JAEGER_URL right?", "%s does not answer: %s", base,
			oneLine(err.Error()))
	}
}

// notJaeger reports an answer that is none of Jaeger's. Only somebody who named the address made a mistake.
func (e *exam) notJaeger(base string, reply reply) {
	status, advice := Note, "if Jaeger is elsewhere, BACKSPAN_JAEGER_URL=http://host:"+jaegerPort+" has it asked"
	if e.JaegerURL != "" {
		status, advice = Problem, "BACKSPAN_JAEGER_URL is the URL of Jaeger's pages, without a page's own path, like "+
			"http://localhost:"+jaegerPort
	}
	if reply.state != http.StatusOK && reply.state != http.StatusNotFound { // it may be Jaeger behind a gateway
		e.found("jaeger", Note, "is it Jaeger's address?",
			"%s answers %s when asked for the test span", base, httpStatus(reply.state))
		return
	}
	e.found("jaeger", status, advice,
		"%s is no Jaeger, or one before version 2: to the question for the test span it answers %s, and not "+
			"as Jaeger does",
		base, httpStatus(reply.state))
}

func (e *exam) guessJaeger() string {
	host := "localhost"
	if e.seen.Target.Network == "tcp" {
		host = hostOf(e.seen.Target.Address)
	}
	if e.jaegerAt != nil {
		return e.jaegerAt(host)
	}
	return "http://" + net.JoinHostPort(host, jaegerPort)
}

// A reply is what an HTTP server answered.
type reply struct {
	state int
	date  string // of the server's clock
	body  []byte // the beginning of it
}

// fromJaeger reports whether r is what Jaeger answers to the question for a trace, be it there or not.
func (r reply) fromJaeger() bool {
	switch r.state {
	case http.StatusOK:
		return bytes.Contains(r.body, []byte(`"resourceSpans"`))
	case http.StatusNotFound:
		return bytes.Contains(r.body, []byte(`"httpCode"`))
	}
	return false
}

// ask makes one request.
func ask(ctx context.Context, trust *tls.Config, url string) (r reply, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: trust}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	r.state, r.date = response.StatusCode, response.Header.Get("Date")
	r.body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return r, err
}

func httpStatus(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}
