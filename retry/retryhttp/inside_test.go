package retryhttp

import (
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"unsafe"
)

// Where httptrace finds hooks in a way that is not known, they are made with the wire, and call the caller's once.
func TestAWireThatIsNotLazy(t *testing.T) {
	theirs := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GetConn: func(string) { theirs++ }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, lazy := range []bool{true, false} {
		theirs = 0
		w := newWire(ctx, req, lazy)
		hooks := httptrace.ContextClientTrace(w.req.Context())
		hooks.GetConn("")
		hooks.GotConn(httptrace.GotConnInfo{})
		if get, got := w.get.Load(), w.got.Load(); get != 1 || got != 1 || theirs != 1 {
			t.Errorf("lazy %v: counted %d and %d, and the caller's hook was called %d times", lazy, get, got, theirs)
		}
	}
	if hooksKey == nil {
		t.Error("httptrace looks for hooks in another way now: each attempt makes them")
	}
}

func TestAPrintedContextHasNoHeaders(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sesame")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, newWire(t.Context(), req, true)); strings.Contains(text, "sesame") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}

// A URL may be long and hold secrets, and a method may be a part of the line that a proxy has read.
func TestHostsKeepNoTextOfARequest(t *testing.T) {
	var known hosts
	line := strings.Clone("GET http://first.example/?token=sesame")
	req, err := http.NewRequestWithContext(t.Context(), line[:3], line[4:], nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := known.of(req)
	texts := []string{kept.key.scheme, kept.key.host, kept.method}
	for key, host := range known.known {
		texts = append(texts, key.scheme, key.host)
		for method := range host.targets {
			texts = append(texts, method)
		}
	}
	first := uintptr(unsafe.Pointer(unsafe.StringData(line)))
	for _, text := range texts {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(text))); at >= first && at < first+uintptr(len(line)) {
			t.Errorf("%q keeps %q alive", text, line)
		}
	}
}

// A send that goes on with the target of its last request would take from a budget that nobody else has any more.
func TestATargetThatWasForgottenDoesNotFit(t *testing.T) {
	var known hosts
	ask := func(url string) (*target, *http.Request) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return known.of(req), req
	}
	first, req := ask("http://first.example")
	if again, _ := ask("http://first.example"); again != first || !first.fits(req, &known) ||
		first.fits(req, &hosts{}) {
		t.Error("the target of a request does not fit that, or it fits another Transport's")
	}
	for i := 0; known.known[first.key] != nil; i++ { // which one is forgotten is left to chance
		ask(fmt.Sprintf("http://%d.example", i))
	}
	if first.fits(req, &known) {
		t.Error("a target that was forgotten fits")
	}
}
