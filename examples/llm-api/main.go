// Llm-api calls a service that bounds the rate of requests and sells a quota. Both answer 429: the one is worth a wait,
// the other is not, and only the body tells which it is.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest/flaky"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	ctx := context.Background()
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "llm-api", Discover: true})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()

	client := &http.Client{Transport: &retryhttp.Transport{
		Policy:    &retry.Policy{MaxRetries: 4, Jitter: retry.FullJitter},
		Retryable: worthAnotherAttempt,
		Resend:    func(*http.Request) bool { return true }, // an answer that got lost costs money, and does no harm
	}}

	for _, script := range []string{
		`429 Retry-After-Ms=30 {{"error": {"type": "rate_limit"}}}, 529 Retry-After-Ms=30, 200 {Paris}`,
		`429 {{"error": {"type": "insufficient_quota"}}}`,
	} {
		service, err := flaky.Start(flaky.Config{Script: script}) // a real one is somewhere else
		if err != nil {
			log.Fatal(err)
		}
		answer, err := ask(ctx, client, service.URL()+"/v1/messages", `{"prompt": "What is the capital of France?"}`)
		fmt.Printf("%q, error: %v, requests: %d\n", answer, err, len(service.Requests()))
		if err := service.Close(); err != nil {
			log.Fatal(err)
		}
	}
}

func worthAnotherAttempt(resp *http.Response, err error) bool {
	if resp != nil && resp.StatusCode == http.StatusTooManyRequests {
		body, err := retryhttp.Peek(resp, 4096) // who reads the body later reads this too
		if err == nil && bytes.Contains(body, []byte("insufficient_quota")) {
			return false
		}
	}
	return retryhttp.Retryable(resp, err)
}

func ask(ctx context.Context, client *http.Client, url, prompt string) (answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(prompt))
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}
