package retryhttp_test

import (
	"errors"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
)

// answers is a Base in memory that plays statuses, the last one for ever, with one response for each.
func answers(statuses ...int) (base roundTripper, restart func()) {
	var list []*http.Response
	for _, status := range statuses {
		list = append(list, &http.Response{StatusCode: status, Body: http.NoBody}) //nolint:bodyclose // there is none
	}
	next := 0
	return func(*http.Request) (*http.Response, error) {
		resp := list[min(next, len(list)-1)]
		next++
		return resp, nil
	}, func() { next = 0 }
}

// fewestAllocs is how many allocations f makes when the pools that it uses are not empty. They may be at any time: the
// garbage collector empties them, and under the race detector they lose what they are given now and then.
func fewestAllocs(f func()) float64 {
	fewest := math.Inf(1)
	for range 50 {
		fewest = min(fewest, testing.AllocsPerRun(1, f))
	}
	return fewest
}

// What a request costs without an SDK. Of each attempt, these are a copy of the request with its context and the
// context of the loop; of a failed one that is throttled also its error, the mark of that, a timer for the drain and
// one for the wait, with what belongs to them, and the operation, which is moved to the heap.
func TestAllocations(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int
		most     float64
	}{
		"success":                 {[]int{200}, 2},
		"one 503, then a success": {[]int{503, 200}, 13},
	} {
		base, restart := answers(c.statuses...)
		transport := &retryhttp.Transport{Base: base, Policy: &retry.Policy{
			MaxRetries: 1, BaseDelay: time.Nanosecond, MaxDelay: time.Nanosecond,
		}, NoBudget: true}
		req := request(t, t.Context(), "GET", "http://127.0.0.1", nil)
		got := fewestAllocs(func() {
			restart()
			if resp, err := transport.RoundTrip(req); err != nil || resp.StatusCode != 200 { //nolint:bodyclose // none
				t.Errorf("%v, %v", resp, err)
			}
		})
		if got > c.most {
			t.Errorf("%s: %v allocations, want at most %v", name, got, c.most)
		}
	}
}

// A Base may hold on to all that it gets, and call hooks late: no later attempt and no other request is part of that.
func TestWhatBaseHoldsOnToIsItsOwn(t *testing.T) {
	var kept []*http.Request
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		httptrace.ContextClientTrace(req.Context()).GetConn("")
		kept = append(kept, req)
		return &http.Response{StatusCode: 503, Body: http.NoBody}, nil
	})
	transport := &retryhttp.Transport{Base: base, Policy: atOnce(1), NoBudget: true}
	for i := range 20 {
		if _, _, err := get(t, transport, "http://127.0.0.1/"+strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i, req := range kept {
		a, ok := retry.AttemptFromContext(req.Context())
		if want := "/" + strconv.Itoa(i/2); !ok || a.Number != i%2+1 || req.URL.Path != want {
			t.Errorf("what attempt %d of %s got is attempt %d of %s now", i%2+1, want, a.Number, req.URL.Path)
		}
	}
	// The late hooks are not those of the attempts that are made meanwhile: a POST without a connection is sent again.
	sent := 0
	transport.Base = roundTripper(func(*http.Request) (*http.Response, error) {
		for _, req := range kept {
			httptrace.ContextClientTrace(req.Context()).GotConn(httptrace.GotConnInfo{})
		}
		sent++
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	})
	_, _, err := do(t, transport, request(t, t.Context(), "POST", "http://127.0.0.1", nil))
	if err == nil || sent != 2 {
		t.Errorf("a POST was sent %d times, want 2: %v", sent, err)
	}
}

// Several goroutines of a Base may ask for the hooks at once.
func TestHooksAreAskedForAtOnce(t *testing.T) {
	var got sync.WaitGroup
	theirs := 0
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		hooks := make(chan *httptrace.ClientTrace, 3)
		for range cap(hooks) {
			got.Go(func() { hooks <- httptrace.ContextClientTrace(req.Context()) })
		}
		got.Wait()
		for range cap(hooks) {
			(<-hooks).GotConn(httptrace.GotConnInfo{})
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	ctx, recorder := retrytest.Record(t, t.Context())
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { theirs++ }})
	_, _, err := do(t, &retryhttp.Transport{Base: base}, request(t, ctx, "GET", "http://127.0.0.1", nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := hidden(recorder); !slices.Equal(got, []int64{2}) || theirs != 3 {
		t.Errorf("3 connections: hidden resends %v, want 2; the caller's hook was called %d times, want 3", got, theirs)
	}
}

// Nothing of a request is left for the next one, also not after a panic, nor of a Transport for another one.
func TestRequestsDoNotMix(t *testing.T) {
	status := 200
	var numbers []string
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		numbers = append(numbers, req.Header.Get("X-Retry-Attempt"))
		if status == 0 {
			panic("base")
		}
		return &http.Response{StatusCode: status, Body: http.NoBody}, nil
	})
	of := func(policy *retry.Policy) *retryhttp.Transport {
		return &retryhttp.Transport{Base: base, Policy: policy, SendAttempt: true}
	}
	never := atOnce(1)
	never.Retryable = func(error) bool { return false }
	never.AttemptTimeout = time.Hour
	strict, other := of(never), of(atOnce(1))
	for _, step := range []struct {
		name      string
		transport *retryhttp.Transport
		status    int
		want      []string // the attempts
	}{
		{"a policy that retries nothing", strict, 503, []string{"1"}},
		{"a panic", strict, 0, []string{"1"}},
		{"another Transport", other, 503, []string{"1", "2"}},
		{"a success", other, 200, []string{"1"}},
		{"the first one again", strict, 503, []string{"1"}},
	} {
		numbers, status = nil, step.status
		func() {
			defer func() {
				if recovered := recover(); (recovered != nil) != (step.status == 0) {
					t.Errorf("%s: recovered %v", step.name, recovered)
				}
			}()
			got, _, err := get(t, step.transport, "http://127.0.0.1")
			if got != step.status || err != nil {
				t.Errorf("%s: %d, %v", step.name, got, err)
			}
		}()
		if !slices.Equal(numbers, step.want) {
			t.Errorf("%s: the attempts were %q, want %q", step.name, numbers, step.want)
		}
	}
	status = 503
	for range 20 { // the budget of the host is empty afterwards
		if _, _, err := get(t, other, "http://127.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	numbers = nil
	if _, _, err := get(t, of(atOnce(1)), "http://127.0.0.1"); err != nil || len(numbers) != 2 {
		t.Errorf("a new Transport has no budget of its own: the attempts were %q, %v", numbers, err)
	}
}

// Requests of many goroutines, also within each other.
func TestRequestsAtOnce(t *testing.T) {
	var transport *retryhttp.Transport
	transport = &retryhttp.Transport{Policy: atOnce(1), NoBudget: true, Base: roundTripper(
		func(req *http.Request) (*http.Response, error) {
			a, _ := retry.AttemptFromContext(req.Context())
			if req.URL.Path == "/outer" {
				inner := req.Clone(req.Context())
				inner.URL.Path = "/inner"
				return transport.RoundTrip(inner)
			}
			return &http.Response{StatusCode: []int{503, 200}[a.Number-1], Body: http.NoBody}, nil
		})}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				resp, err := transport.RoundTrip(request(t, t.Context(), "GET", "http://127.0.0.1/outer", nil))
				if err != nil || resp.StatusCode != 200 || resp.Request.URL.Path != "/outer" {
					t.Errorf("%v, %v", resp, err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	all.Wait()
}
