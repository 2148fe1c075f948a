//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The verb flaky serves a test in any language: here one with curl and the questions about what arrived.
func TestFlakyServesOthersTests(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, "backspan", "flaky", "-", "--json")
	server.Stdin = strings.NewReader(`
script: 503 Retry-After=0, reset, 200 {hello}
paths: {GET /orders/: [404, 200]}
key: X-Test
`)
	var errOut bytes.Buffer
	server.Stderr = &errOut
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no address: %v\n%s", err, &errOut)
	}
	url := strings.TrimSpace(first)
	body, err := exec.CommandContext(ctx, "curl", "--silent", "--noproxy", "*", "--retry", "3", "--retry-all-errors",
		"--data", "a=b", "--header", "X-Test: one", url+"/form").Output()
	if err != nil || string(body) != "hello" {
		t.Errorf("curl: %q, %v, want hello", body, err)
	}

	ask := func(method, path string) (int, []byte) {
		request, err := http.NewRequestWithContext(ctx, method, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		all, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, all
	}
	type request struct {
		Method, URL, Key, Step, Body string
		Header                       http.Header
	}
	arrived := func() (list []request) {
		code, answer := ask(http.MethodGet, "/_flaky/requests")
		if err := json.Unmarshal(answer, &list); err != nil || code != http.StatusOK {
			t.Fatalf("%d %v\n%s", code, err, answer)
		}
		return list
	}
	list := arrived()
	if len(list) != 3 || list[1].Step != "reset" ||
		list[2].Body != "a=b" || list[2].Key != "one" || list[2].URL != "/form" {
		t.Errorf("arrived: %+v", list)
	}
	if code, _ := ask(http.MethodGet, "/orders/7"); code != http.StatusNotFound {
		t.Errorf("another path: %d, want 404", code)
	}
	if code, _ := ask(http.MethodDelete, "/_flaky/requests"); code != http.StatusNoContent || len(arrived()) != 0 {
		t.Errorf("begun anew: %d, %d requests", code, len(arrived()))
	}

	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := server.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 143 {
		t.Errorf("after SIGTERM: %v, want exit code 143", err)
	}
	if n := strings.Count(errOut.String(), "\n"); n != 4 || !strings.Contains(errOut.String(), `"step":"reset"`) {
		t.Errorf("stderr has %d lines, want one for each of 4 requests:\n%s", n, &errOut)
	}
}
