package flaky_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/retry/retrytest/flaky"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client makes a connection for each request: net/http never repeats one behind our back.
func client(t *testing.T) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get returns the status and the body, or the error that came instead of either.
func get(c *http.Client, url string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	response, err := c.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	return response.StatusCode, string(all), err
}

func closeAtEnd(t *testing.T, server *flaky.Server) {
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestEachStep(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		status int
		body   string
		err    error
	}{
		"a status":             {"503", 503, "", nil},
		"pass":                 {"pass", 200, "", nil},
		"nothing":              {"", 200, "", nil},
		"a body":               {`429 Retry-After=1 {{"error": "slow, down"}}`, 429, `{"error": "slow, down"}`, nil},
		"a size":               {"200 size=100KiB", 200, strings.Repeat("x", 100<<10), nil},
		"slow":                 {"200 slow=50ms {hello}", 200, "hello", nil},
		"delay":                {"200 delay=50ms {late}", 200, "late", nil},
		"cut":                  {"200 size=32KiB cut=17KiB", 200, strings.Repeat("x", 17<<10), io.ErrUnexpectedEOF},
		"cut at once":          {"200 {hello} cut=0", 200, "", io.ErrUnexpectedEOF},
		"reset in the body":    {"200 {hello} reset=2", 200, "he", syscall.ECONNRESET},
		"reset":                {"reset", 0, "", syscall.ECONNRESET},
		"stop":                 {"stop", 0, "", syscall.ECONNRESET},
		"no content":           {"204", 204, "", nil},
		"a quoted header":      {`301 Location="/a b, c" x2, 200`, 301, "", nil},
		"braces within a body": {"200 {a {b, c} d}", 200, "a {b, c} d", nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := flaky.New(t, c.script)
			c2 := client(t)
			c2.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			status, body, err := get(c2, server.URL())
			if status != c.status || body != c.body || !errors.Is(err, c.err) {
				t.Errorf("got %d, %d bytes %.20q, error %v; want %d, %d bytes %.20q, error %v",
					status, len(body), body, err, c.status, len(c.body), c.body, c.err)
			}
			server.ExpectRequests(t, 1)
		})
	}
}

func TestMalformedAndHang(t *testing.T) {
	ended := make(chan flaky.Request, 2)
	server, err := flaky.Start(flaky.Config{Script: "malformed, hang", Log: func(r flaky.Request) { ended <- r }})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)
	_, _, err = get(client(t), server.URL())
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("malformed: %v, want an error of the parser", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL(), strings.NewReader("what was sent"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client(t).Do(request); !errors.Is(err, context.DeadlineExceeded) { //nolint:bodyclose // there is none
		t.Errorf("hang: %v, want the deadline", err)
	}
	if (<-ended).Left {
		t.Error("malformed: the client is said to have left")
	}
	if got := <-ended; !got.Left || got.Took <= 0 || string(got.Body) != "what was sent" || got.BodySize != 13 ||
		got.Method != http.MethodPost || got.Step != "hang" {
		t.Errorf("noted: %+v", got)
	}
}

func TestStepsInTurnTheLastRepeats(t *testing.T) {
	server := flaky.New(t, "503 x2, reset\n200 {ok}")
	var got []int
	for range 6 {
		status, _, _ := get(client(t), server.URL())
		got = append(got, status)
	}
	if want := []int{503, 503, 0, 200, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	server.ExpectRequests(t, 6)
	server.ExpectConnections(t, 6)
	server.Reset()
	server.ExpectRequests(t, 0)
	if status, _, _ := get(client(t), server.URL()); status != 503 {
		t.Errorf("after Reset: %d, want 503", status)
	}
}

func TestStopRefusesConnections(t *testing.T) {
	server := flaky.New(t, "stop")
	for i, want := range []error{syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNREFUSED} {
		if _, _, err := get(client(t), server.URL()); !errors.Is(err, want) {
			t.Errorf("request %d: %v, want %v", i+1, err, want)
		}
	}
	server.ExpectRequests(t, 1)
}

func TestScriptsByPathAndKey(t *testing.T) {
	server, err := flaky.Start(flaky.Config{
		Script: "404",
		Paths:  map[string]string{"/orders/": "503, 200", "GET /orders/{id}": "500, 201"},
		Key:    func(r *http.Request) string { return r.URL.Query().Get("tenant") },
	})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)
	var got []string
	for _, path := range []string{
		"/", "/orders/", "/orders/", "/orders/7", "/orders/8", "/orders/7?tenant=b", "/orders/?tenant=b", "//other//",
	} {
		status, _, _ := get(client(t), server.URL()+path)
		got = append(got, fmt.Sprint(status))
	}
	if want := "404 503 200 500 201 500 503 404"; strings.Join(got, " ") != want {
		t.Errorf("statuses %s, want %s", got, want)
	}
	if r := server.Requests()[5]; r.Key != "b" || r.URL != "/orders/7?tenant=b" {
		t.Errorf("noted: %+v", r)
	}
}

// Faults at random come as often as asked, and for a seed to the same requests.
func TestRates(t *testing.T) {
	steps := func(seed uint64) (list []string) {
		server, err := flaky.NewHandler(flaky.Config{
			Script: "200", Rates: map[string]float64{"503": 0.2, "429 Retry-After=1": 0.1}, Seed: seed,
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			server.ServeHTTP(httptest.NewRecorder(), request)
		}
		for _, r := range server.Requests() {
			list = append(list, r.Step)
		}
		return list
	}
	first := steps(1)
	if !slices.Equal(first, steps(1)) || slices.Equal(first, steps(2)) {
		t.Error("the seed does not decide")
	}
	count := map[string]int{}
	for _, s := range first {
		count[s]++
	}
	if n := count["503"]; n < 320 || n > 480 {
		t.Errorf("%d of 2000 were 503, want about 400", n)
	}
	if n := count["429 Retry-After=1"]; n < 130 || n > 270 {
		t.Errorf("%d of 2000 were 429, want about 200", n)
	}
}

func TestNextAnswersWhatPasses(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "from next") })
	server, err := flaky.Start(flaky.Config{Script: "503, pass", Next: next})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)
	if status, _, _ := get(client(t), server.URL()); status != 503 {
		t.Errorf("first: %d, want 503", status)
	}
	if _, body, _ := get(client(t), server.URL()); body != "from next" {
		t.Errorf("second: %q", body)
	}
}

func TestHTTP2ResetsTheStream(t *testing.T) {
	handler, err := flaky.NewHandler(flaky.Config{Script: "reset, 200 {hello} cut=2, 200 {fine}"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for i, want := range []string{"", "he", "fine"} {
		_, body, err := get(server.Client(), server.URL)
		if body != want || (err != nil) != (i < 2) {
			t.Errorf("request %d: %q, error %v; want %q", i+1, body, err, want)
		}
	}
	if got := handler.Requests()[0].Header; got == nil {
		t.Error("no header was noted")
	}
}

func TestCurl(t *testing.T) {
	server := flaky.New(t, "503 Retry-After=1 {busy}, 200 {hello}")
	out, err := exec.CommandContext(t.Context(), "curl", "--silent", "--retry", "3", "--noproxy", "*",
		"--data", "a=b", server.URL()+"/form").Output()
	if err != nil || !strings.HasSuffix(string(out), "hello") {
		t.Errorf("curl: %q, %v", out, err)
	}
	server.ExpectRequests(t, 2)
	server.ExpectWaits(t, time.Second)
	if r := server.Requests()[1]; string(r.Body) != "a=b" || r.URL != "/form" {
		t.Errorf("noted: %+v", r)
	}
}

// failures is a test that keeps what was said of it.
type failures struct {
	testing.TB
	said []string
}

func (f *failures) Helper()                      {}
func (f *failures) Errorf(text string, a ...any) { f.said = append(f.said, fmt.Sprintf(text, a...)) }
func (f *failures) Fatalf(text string, a ...any) { f.Errorf(text, a...) }

func TestWhatWasNotExpectedIsTold(t *testing.T) {
	server := flaky.New(t, "503")
	for range 2 {
		_, _, _ = get(client(t), server.URL()+"/a?b=c") // 503
	}
	for what, c := range map[string]struct {
		expect func(flaky.TB)
		want   string
	}{
		"requests":    {func(t flaky.TB) { server.ExpectRequests(t, 3) }, "2 requests arrived, want 3"},
		"waits":       {func(t flaky.TB) { server.ExpectWaits(t, time.Hour) }, "request 2 came "},
		"connections": {func(t flaky.TB) { server.ExpectConnections(t, 1) }, "over 2 connections, want 1"},
	} {
		f := &failures{}
		c.expect(f)
		if len(f.said) != 1 || !strings.Contains(f.said[0], c.want) || !strings.Contains(f.said[0], "GET /a?b=c: 503") {
			t.Errorf("%s: %q, want %q and the requests", what, f.said, c.want)
		}
	}
	for _, f := range []func(flaky.TB){
		func(t flaky.TB) { server.ExpectRequests(t, 2) },
		func(t flaky.TB) { server.ExpectWaits(t, 0) },
		func(t flaky.TB) { server.ExpectConnections(t, 2) },
	} {
		got := &failures{}
		if f(got); len(got.said) > 0 {
			t.Errorf("said of what was expected: %q", got.said)
		}
	}
}

func TestBadScripts(t *testing.T) {
	for script, want := range map[string]string{
		"503, rest":               `column 6: unknown step "rest" (did you mean reset?)`,
		"700":                     `status "700": want 200 to 599`,
		"100":                     `want 200 to 599`,
		", 200":                   "column 1: a comma without a step",
		"503 dealy=2s":            `unknown option "dealy" (did you mean delay?)`,
		"503 delay=2":             `delay is "2", want 0s to 1h0m0s`,
		"503 delay=-1s":           `delay is "-1s"`,
		"503 size=3kb":            `size is "3kb", want 0 to 1GiB`,
		"503 size=99GiB":          `size is "99GiB"`,
		"503 x0":                  `"x0": want x1 to x10000`,
		"200 x9999, 503 x9":       "more than 10000 steps",
		"503 {open":               "a body that begins with {",
		`503 Retry-After="1`:      "a quote that does not end",
		"503 soon":                `unknown option "soon"`,
		"200 {a} size=2":          "a {body} and a size",
		"204 {a}":                 "status 204 has no body",
		"200 {abc} cut=3":         "ends after 3 bytes of 3",
		"200 cut=1":               "ends after 1 bytes of 0",
		"200 {abc} cut=1 reset=2": "cut and reset",
		"hang delay=1s":           "hang has no use for delay",
		"reset Retry-After=1":     "reset takes no options",
		"200 X-A=\"a\nb\"":        "control characters",
	} {
		_, err := flaky.NewHandler(flaky.Config{Paths: map[string]string{"/x": script}})
		var bad *flaky.ScriptError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), `path "/x"`) {
			t.Errorf("script %q: error %v, want %q", script, err, want)
		}
	}
	for name, c := range map[string]flaky.Config{
		"no pattern":     {Paths: map[string]string{"GET": "200"}},
		"twice the root": {Script: "200", Paths: map[string]string{"/": "503"}},
		"rates over 1":   {Rates: map[string]float64{"503": 0.7, "reset": 0.7}},
		"negative rates": {Rates: map[string]float64{"503": -0.7}},
		"two steps":      {Rates: map[string]float64{"503, 200": 0.1}},
		"a bad rate":     {Rates: map[string]float64{"x": 0.1}},
		"no address":     {Addr: "127.0.0.1:99999"},
	} {
		if s, err := flaky.Start(c); err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Close()
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	server := flaky.New(t, "503 x100, 200")
	var wg sync.WaitGroup
	statuses := make(chan int, 200)
	for range 200 {
		wg.Go(func() {
			status, _, _ := get(client(t), server.URL())
			statuses <- status
		})
	}
	wg.Wait()
	close(statuses)
	count := map[int]int{}
	for s := range statuses {
		count[s]++
	}
	if count[503] != 100 || count[200] != 100 {
		t.Errorf("statuses %v, want 100 of each", count)
	}
}

func TestCloseEndsWhatHangs(t *testing.T) {
	server := flaky.New(t, "hang")
	done := make(chan error, 1)
	go func() {
		_, _, err := get(client(t), server.URL())
		done <- err
	}()
	for len(server.Requests()) == 0 {
		runtime.Gosched()
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the client got an answer")
	}
	if err := server.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func FuzzScript(f *testing.F) {
	for _, s := range []string{
		"503 Retry-After=1, reset x3\n200 {a {b}} slow=1s", `200 A="b, c" size=32KiB cut=1KiB`, "", "{", `"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		s, err := flaky.NewHandler(flaky.Config{Script: script})
		var bad *flaky.ScriptError
		if err != nil && (!errors.As(err, &bad) || bad.Column < 1 || bad.Column > len(script)+1) {
			t.Errorf("script %q: %v", script, err)
		}
		if (s == nil) == (err == nil) {
			t.Errorf("script %q: a server and an error, or neither", script)
		}
	})
}
