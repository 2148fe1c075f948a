// Breaker puts a circuit breaker of failsafe-go below the retries of an HTTP client, where it counts attempts, and
// around them, where it counts requests.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest/flaky"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "breaker", Discover: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.Shutdown(ctx)) }()
	ctx, span := otel.Tracer("breaker").Start(ctx, "three ways")
	defer span.End()

	for _, place := range []struct {
		name   string
		client func(circuitbreaker.CircuitBreaker[*http.Response]) *http.Client
	}{{"below", breakerBelow}, {"around", breakerAround}} {
		if err := five(ctx, place.name, place.client); err != nil {
			return err
		}
	}
	return waitForTheBreaker(ctx)
}

// newBreaker returns a breaker that opens after four failures in a row. Each service has one.
func newBreaker(delay time.Duration) circuitbreaker.CircuitBreaker[*http.Response] {
	return circuitbreaker.NewBuilder[*http.Response]().
		HandleIf(func(resp *http.Response, err error) bool { return err != nil || resp.StatusCode >= 500 }).
		WithFailureThreshold(4).WithDelay(delay).Build()
}

var policy = retry.Policy{MaxRetries: 2, BaseDelay: time.Millisecond}

func name(*http.Request) string { return "get_rates" } // otherwise "GET 127.0.0.1:…"

// breakerBelow counts attempts. What it refuses is an attempt with a span, and the last of its request.
func breakerBelow(breaker circuitbreaker.CircuitBreaker[*http.Response]) *http.Client {
	return &http.Client{Transport: &retryhttp.Transport{
		Base:   failsafehttp.NewRoundTripper(nil, breaker),
		Policy: &policy,
		Name:   name,
		Retryable: func(resp *http.Response, err error) bool {
			return !errors.Is(err, circuitbreaker.ErrOpen) && retryhttp.Retryable(resp, err)
		},
	}}
}

// breakerAround counts requests, however many attempts they were. What it refuses has no span: nothing began.
func breakerAround(breaker circuitbreaker.CircuitBreaker[*http.Response]) *http.Client {
	retries := &retryhttp.Transport{Policy: &policy, Name: name}
	return &http.Client{Transport: failsafehttp.NewRoundTripper(retries, breaker)}
}

// five makes five requests to a service that is down.
func five(ctx context.Context, place string, client func(circuitbreaker.CircuitBreaker[*http.Response]) *http.Client) (
	err error,
) {
	ctx, span := otel.Tracer("breaker").Start(ctx, place)
	defer span.End()
	service, err := flaky.Start(flaky.Config{Script: "500"}) // a real one is somewhere else
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	c := client(newBreaker(time.Minute))
	fmt.Printf("the breaker is %s the retries\n", place)
	for range 5 {
		before := len(service.Requests())
		answer, err := get(ctx, c, service.URL())
		fmt.Printf("  %s%s; sent: %d\n", answer, reason(err), len(service.Requests())-before)
	}
	return nil
}

// waitForTheBreaker has a loop around the requests. A breaker that is open ends the request's loop, and not this one,
// which comes back when the breaker lets somebody try.
func waitForTheBreaker(ctx context.Context) (err error) {
	service, err := flaky.Start(flaky.Config{Script: "500 x4, 200 {rates}"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	breaker := newBreaker(500 * time.Millisecond)
	client := breakerBelow(breaker)
	fmt.Println("a loop around waits for the breaker")
	return retry.Do(ctx, "import_rates", policy, func(ctx context.Context) error {
		answer, err := get(ctx, client, service.URL())
		fmt.Printf("  %s%s\n", answer, reason(err))
		return retry.After(breaker.RemainingDelay(), err)
	})
}

// get knows nothing of retries, nor of the breaker.
func get(ctx context.Context, client *http.Client, url string) (answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return response.Status, fmt.Errorf("the service says %s", response.Status)
	}
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// reason says why a request ended without a response.
func reason(err error) string {
	if e, ok := errors.AsType[*retry.Error](err); ok {
		return e.Error()
	}
	if errors.Is(err, circuitbreaker.ErrOpen) {
		return "circuit breaker open"
	}
	return "" // there was one
}
