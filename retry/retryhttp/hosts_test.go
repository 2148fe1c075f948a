package retryhttp_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestANameOfTheCallers(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "200")
		for given, want := range map[string]string{"search": "search", "": "GET " + server.host()} {
			ctx, recorder := retrytest.Record(t, t.Context())
			transport := server.below(&retryhttp.Transport{Name: func(*http.Request) string { return given }})
			if _, _, err := do(t, transport, request(t, ctx, "GET", server.url, nil)); err != nil {
				t.Error(err)
			}
			if got := recorder.Outcomes(want); len(got) != 1 {
				t.Errorf("no operation is called %q:\n%s", want, recorder.Tree())
			}
		}
	})
}

func TestEachHostHasABudget(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		down, well := p.play(t, "500"), p.play(t, "500, 200")
		transport := down.below(&retryhttp.Transport{Policy: atOnce(1)})
		for range 50 {
			if status, _, err := get(t, transport, down.url); status != 500 || err != nil {
				t.Fatalf("%d, %v", status, err)
			}
		}
		down.ExpectRequests(t, 60)
		if status, _, err := get(t, transport, well.url); status != 200 || err != nil {
			t.Errorf("another host: %d, %v", status, err)
		}
	})
}

func TestNoBudget(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		down := p.play(t, "500")
		transport := down.below(&retryhttp.Transport{Policy: atOnce(1), NoBudget: true})
		for range 50 {
			if _, _, err := get(t, transport, down.url); err != nil {
				t.Fatal(err)
			}
		}
		down.ExpectRequests(t, 100)
	})
}

func TestABudgetForAllHosts(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		budget, err := retry.NewBudget(retry.BudgetOptions{Name: "all", Capacity: 3})
		if err != nil {
			t.Fatal(err)
		}
		policy := atOnce(1)
		policy.Budget = budget
		one, two := p.play(t, "500"), p.play(t, "500")
		transport := one.below(&retryhttp.Transport{Policy: policy})
		for range 3 {
			for _, server := range []*player{one, two} {
				if _, _, err := get(t, transport, server.url); err != nil {
					t.Fatal(err)
				}
			}
		}
		one.ExpectRequests(t, 3+2)
		two.ExpectRequests(t, 3+1)
	})
}

// What is remembered of hosts is bounded. Spellings of one host are one.
func TestManyHosts(t *testing.T) {
	status, sent := 200, 0
	base := roundTripper(func(*http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: status, Body: http.NoBody}, nil
	})
	transport := &retryhttp.Transport{Policy: atOnce(1), Base: base}
	name := func(url string) (name, budget string) {
		ctx, recorder := retrytest.Record(t, t.Context())
		if _, _, err := do(t, transport, request(t, ctx, "GET", url, nil)); err != nil {
			t.Fatal(err)
		}
		spans := recorder.Spans()
		last := spans[len(spans)-1]
		for _, kv := range last.Attributes() {
			if kv.Key == semconv.BudgetNameKey {
				budget = kv.Value.AsString()
			}
		}
		return last.Name(), budget
	}
	if got, _ := name("http://EXAMPLE.com:80/x?y"); got != "GET example.com" {
		t.Errorf("%q", got)
	}
	for url, want := range map[string][2]string{ // each spelling, its name and its budget
		"http://example.com":         {"GET example.com", "http://example.com"},
		"HTTP://Example.com:80":      {"GET example.com", "http://example.com"},
		"https://example.com":        {"GET example.com", "https://example.com"},
		"https://EXAMPLE.com:443/":   {"GET example.com", "https://example.com"},
		"http://example.com:443":     {"GET example.com:443", "http://example.com:443"},
		"https://example.com:80":     {"GET example.com:80", "https://example.com:80"},
		"http://example.com:8080":    {"GET example.com:8080", "http://example.com:8080"},
		"https://[2001:DB8::80]:443": {"GET [2001:db8::80]", "https://[2001:db8::80]"},
	} {
		transport = &retryhttp.Transport{Policy: atOnce(1), Base: base}
		status = 500
		if got, budget := name(url); got != want[0] || budget != want[1] {
			t.Errorf("%s is %q with the budget %q, want %q", url, got, budget, want)
		}
		status = 200
	}
	transport = &retryhttp.Transport{Policy: atOnce(1), Base: base}
	for i := range 1_000 { // hosts whose budgets are full
		name(fmt.Sprintf("http://%d.example.com", i))
	}
	status = 500
	if got, budget := name("https://new.example.com:8443"); got != "GET" || budget != "https://new.example.com:8443" {
		t.Errorf("host 1001 is %q with the budget %q", got, budget)
	}
	for i := range 1_000 { // none can be forgotten any more
		name(fmt.Sprintf("http://%d.example.net", i))
	}
	if got, budget := name("http://late.example.org"); got != "GET" || budget != "other hosts" {
		t.Errorf("a host beyond all budgets is %q with the budget %q", got, budget)
	}
	before := sent
	for i := range 12 { // they have one budget of 10 together, of which two before took 2
		name(fmt.Sprintf("http://late%d.example.org", i))
	}
	if got := sent - before; got != 12+8 {
		t.Errorf("12 hosts beyond all budgets were sent %d requests, want 20", got)
	}
}
