// Package retryhttp retries HTTP requests, and makes every attempt a span. It is a RoundTripper, so any http.Client can
// have it:
//
//	client := &http.Client{Transport: &retryhttp.Transport{}}
//
// A request is an operation named "GET example.com" with up to 3 attempts. What is retried, and what may be sent
// twice, are the rules of Retryable and Resend: connection errors and statuses such as 503, for methods that are
// idempotent or where the server cannot have acted. A server's Retry-After is obeyed. A request that ends with a
// response returns it unread and without an error, also when it is a 503 that no retry could avoid:
//
//	GET example.com          retry.outcome=recovered retry.attempts=2
//	├─ attempt 1   ✗ 503 Service Unavailable
//	└─ attempt 2   ✓
//
// Put the instrumentation of HTTP below, and each send is a span of its own under its attempt:
//
//	&retryhttp.Transport{Base: otelhttp.NewTransport(http.DefaultTransport)}
//
// Each host has a retry.Budget, because storms of retries start in services. See NewClient for programs that should
// have none. The Timeout of the http.Client, and the deadline of the request's context, bound the whole loop, and
// Policy.AttemptTimeout bounds each attempt up to the headers of its response; the body may take longer.
//
// A body is sent again only if the request has a GetBody, as http.NewRequest makes it for bytes and strings. Other
// bodies are streamed, once. Responses are drained before the wait, 64 KiB and 100 ms at most, so that their
// connections are used again. The caller's request is never changed.
package retryhttp
