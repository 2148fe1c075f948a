package flaky_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
	"github.com/backspan/backspan/retry/retrytest/flaky"
)

func Example() {
	server, err := flaky.Start(flaky.Config{Script: "503 Retry-After=1 {busy}, 503, 200 {hello}"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()

	ctx := retrytest.NoWait(context.Background())
	body, err := retry.Value(ctx, "greeting", retry.Policy{}, func(ctx context.Context) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL()+"/greeting", http.NoBody)
		if err != nil {
			return "", retry.Permanent(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return "", fmt.Errorf("status %s", response.Status)
		}
		text, err := io.ReadAll(response.Body)
		return string(text), err
	})
	fmt.Println(body, err)
	for _, r := range server.Requests() {
		fmt.Println(r.Method, r.URL, "met", r.Step)
	}
	// Output:
	// hello <nil>
	// GET /greeting met 503 Retry-After=1 {busy}
	// GET /greeting met 503
	// GET /greeting met 200 {hello}
}
