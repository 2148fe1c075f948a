package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"
	"github.com/go-resty/resty/v2"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
)

// An httpSetup is how often and how fast a client is to retry, in the terms that all of them have.
type httpSetup struct {
	base           http.RoundTripper // sends each attempt
	retries        int
	delay, longest time.Duration // of the backoff, without jitter where it can be left out
	attemptTimeout time.Duration // 0: none
	timeout        time.Duration // of the whole call, as http.Client.Timeout; 0: none
}

// An httpClient sends a request, and again as its library sees fit.
type httpClient func(*http.Request) (*http.Response, error)

// An httpPeer is a library that retries requests.
type httpPeer struct {
	name, module string
	build        func(httpSetup) httpClient
	rewindable   bool // it takes no body but an io.ReadSeekCloser
}

const oursHTTP = "retryhttp"

// httpPeers are all set up as their documentation shows it, and otherwise by their defaults.
var httpPeers = []httpPeer{
	{oursHTTP, "github.com/backspan/backspan", ourHTTP, false},
	{"go-retryablehttp", "github.com/hashicorp/go-retryablehttp", hashicorp, false},
	{"failsafehttp", "github.com/failsafe-go/failsafe-go", failsafeHTTP, false},
	{"resty", "github.com/go-resty/resty/v2", restyV2, false},
	{"azcore", "github.com/Azure/azure-sdk-for-go/sdk/azcore", azure, true},
}

// version is that of the module in this program; empty for the one that is not published.
func (p httpPeer) version() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == p.module {
			return m.Version
		}
	}
	return ""
}

func ourHTTP(s httpSetup) httpClient {
	transport := &retryhttp.Transport{Base: s.base, Policy: &retry.Policy{
		MaxRetries: s.retries, BaseDelay: s.delay, MaxDelay: s.longest, AttemptTimeout: s.attemptTimeout,
	}, NoBudget: true} // the peers have none
	return (&http.Client{Transport: transport, Timeout: s.timeout}).Do
}

func hashicorp(s httpSetup) httpClient {
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.HTTPClient = &http.Client{Transport: s.base, Timeout: s.attemptTimeout} // the way that it has for an attempt
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = s.retries, s.delay, s.longest
	client := c.StandardClient()
	client.Timeout = s.timeout
	return client.Do
}

func failsafeHTTP(s httpSetup) httpClient {
	//nolint:bodyclose // no response is made here
	policy := failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(s.retries).WithBackoff(s.delay, s.longest).Build()
	transport := failsafehttp.NewRoundTripper(s.base, policy)
	if s.attemptTimeout > 0 {
		//nolint:bodyclose // nor here
		transport = failsafehttp.NewRoundTripper(s.base, policy, fstimeout.New[*http.Response](s.attemptTimeout))
	}
	return (&http.Client{Transport: transport, Timeout: s.timeout}).Do
}

// restyV2 retries nothing but errors by default; its documentation shows the condition.
func restyV2(s httpSetup) httpClient {
	c := resty.NewWithClient(&http.Client{Transport: s.base, Timeout: s.timeout}).
		SetRetryCount(s.retries).SetRetryWaitTime(s.delay).SetRetryMaxWaitTime(s.longest).
		AddRetryCondition(func(r *resty.Response, _ error) bool {
			return r.StatusCode() == http.StatusTooManyRequests || r.StatusCode() >= 500
		}).
		SetRetryAfter(func(_ *resty.Client, r *resty.Response) (time.Duration, error) {
			after, _ := time.ParseDuration(r.Header().Get("Retry-After") + "s")
			return after, nil
		})
	return func(req *http.Request) (*http.Response, error) {
		ctx := req.Context()
		if s.attemptTimeout > 0 { // it has none for an attempt
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.attemptTimeout)
			defer cancel()
		}
		r := c.R().SetContext(ctx)
		r.Header = req.Header.Clone()
		if req.Body != nil {
			r.SetBody(req.Body)
		}
		response, err := r.Execute(req.Method, req.URL.String())
		if err != nil {
			return nil, err
		}
		raw := response.RawResponse // whose body it has read
		raw.Body = io.NopCloser(bytes.NewReader(response.Body()))
		return raw, nil
	}
}

func azure(s httpSetup) httpClient {
	pipeline := runtime.NewPipeline("bench", "v0", runtime.PipelineOptions{}, &policy.ClientOptions{
		Transport: &http.Client{Transport: s.base, Timeout: s.timeout},
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Retry: policy.RetryOptions{
			MaxRetries: int32(s.retries), RetryDelay: s.delay, MaxRetryDelay: s.longest,
			TryTimeout: s.attemptTimeout,
		},
	})
	return func(req *http.Request) (*http.Response, error) {
		r, err := runtime.NewRequest(req.Context(), req.Method, req.URL.String())
		if err != nil {
			return nil, err
		}
		for key, values := range req.Header {
			r.Raw().Header[key] = values
		}
		runtime.SkipBodyDownload(r)
		if req.Body != nil {
			text, err := io.ReadAll(req.Body)
			if err = errors.Join(err, req.Body.Close()); err != nil {
				return nil, err
			}
			if err := r.SetBody(rewindable{strings.NewReader(string(text))}, ""); err != nil {
				return nil, err
			}
		}
		return pipeline.Do(r)
	}
}

type rewindable struct{ *strings.Reader }

func (rewindable) Close() error { return nil }
