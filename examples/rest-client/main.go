// Rest-client is a client of a REST service that retries: its transport is the only line that differs. What telemetry
// takes is there to see it in Jaeger.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest/flaky"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	ctx := context.Background()
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "rest-client", Discover: true})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()

	// The service, which is busy at first. A real one is somewhere else.
	billing, err := flaky.Start(flaky.Config{Paths: map[string]string{
		"GET /invoices/7": `503 Retry-After=0 {busy}, 503, 200 {{"id": 7, "total": 12.5}}`,
		"GET /invoices/8": `404`,
		"POST /invoices":  `503`,
	}})
	if err != nil {
		log.Fatal(err)
	}

	client := &http.Client{Transport: &retryhttp.Transport{}, Timeout: 10 * time.Second}
	for _, id := range []int{7, 8} {
		total, err := invoice(ctx, client, fmt.Sprintf("%s/invoices/%d", billing.URL(), id))
		fmt.Printf("invoice %d: %.2f, error: %v\n", id, total, err)
	}
	// What may have been done is not done again, unless the request has an Idempotency-Key.
	url := billing.URL() + "/invoices"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	_ = response.Body.Close()
	fmt.Println("new invoice:", response.Status)

	for _, r := range billing.Requests() {
		fmt.Println("the service got", r.Method, r.URL)
	}
	if err := billing.Close(); err != nil {
		log.Fatal(err)
	}
}

// invoice knows nothing of retries.
func invoice(ctx context.Context, client *http.Client, url string) (total float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the service says %s", response.Status)
	}
	var found struct{ Total float64 }
	err = json.NewDecoder(response.Body).Decode(&found)
	return found.Total, err
}
