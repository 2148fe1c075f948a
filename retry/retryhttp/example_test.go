package retryhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest/flaky"
)

func Example() {
	handler, err := flaky.NewHandler(flaky.Config{Script: "500, reset, 200 {hello}"})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	client := &http.Client{Transport: &retryhttp.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(server.URL) //nolint:noctx // a request with a context would hide the one line
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(body), err)
	// Output: 200 OK hello <nil>
}
