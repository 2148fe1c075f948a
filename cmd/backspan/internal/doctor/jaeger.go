package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	jaegerPort     = "16686"                // of its pages and its API
	jaegerPatience = 3 * time.Second        // longest wait for the span to arrive
	jaegerPause    = 100 * time.Millisecond // between two requests
)

// jaeger asks Jaeger for the test span. A collector may take a span and not send it on.
func (e *exam) jaeger(ctx context.Context) {
	if e.report.TraceID == "" {
		return
	}
	base := strings.TrimSuffix(e.JaegerURL, "/")
	if base == "" {
		base = e.guessJaeger()
	}
	ctx, cancel := context.WithTimeout(ctx, min(e.Timeout, jaegerPatience))
	defer cancel()
	for {
		state, err := e.ask(ctx, nil, base+"/api/v3/traces/"+e.report.TraceID, "Jaeger's")
		switch {
		case state == http.StatusOK:
			e.found("jaeger", OK, "", "it has the test span: %s/trace/%s", base, e.report.TraceID)
			return
		case err != nil && e.remote.IsZero() && e.JaegerURL == "":
			e.found("jaeger", Note, "if it is elsewhere, BACKSPAN_JAEGER_URL=http://host:"+jaegerPort+" has it asked",
				"there is none at %s to ask for the test span", base)
			return
		case err != nil && e.remote.IsZero():
			e.found("jaeger", Problem, "is BACKSPAN_JAEGER_URL right?", "%s does not answer: %s", base, oneLine(err.Error()))
			return
		case err == nil && state != http.StatusNotFound:
			e.found("jaeger", Note, "is it Jaeger's address, before version 2?",
				"%s answers %s when asked for the test span", base, httpStatus(state))
			return
		}
		select {
		case <-time.After(jaegerPause):
			continue
		case <-ctx.Done():
		}
		e.found("jaeger", Note, "a collector that samples at the tail decides later, and may drop it; else look at the "+
			"exporters of its traces pipeline",
			"%s does not have the test span yet, though the collector took it", base)
		return
	}
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

// ask makes one request, and keeps the clock of whoever answers.
func (e *exam) ask(ctx context.Context, trust *tls.Config, url, whose string) (state int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	before := e.now()
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: trust}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	e.compareClock(response.Header.Get("Date"), before, whose)
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, err
}

func httpStatus(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}
