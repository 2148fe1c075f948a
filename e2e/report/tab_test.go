package report

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A tab is a browser's tab with one page in it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	heard    []string // from the page: console messages, exceptions, requests
	expected []string // what a test brings about itself
}

// A screen is what the page is looked at with.
type screen struct {
	width, height int64
	scale         float64
	dark, phone   bool
	calm          bool // prefers-reduced-motion
}

var (
	desktop = screen{width: 1280, height: 900, scale: 1}
	phone   = screen{width: 360, height: 740, scale: 2, phone: true}
)

// open opens the page in a new tab and waits until it is drawn. When the test ends, whatever the page has complained
// about fails it.
func open(t *testing.T, path string, s screen) *tab {
	t.Helper()
	if browser.Err() != nil {
		t.Fatalf("the browser is gone: %v", context.Cause(browser))
	}
	if err := chromedp.Do(browser); err != nil { // starts it with the first test
		t.Fatalf("start Chromium: %v", err)
	}
	p := &tab{t: t}
	address := (&url.URL{Scheme: "file", Path: path}).String()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(),
		chromedp.WithListener(func(event any) {
			p.listen(event, address)
		}))
	ctx, cancelTimeout := context.WithTimeout(ctx, time.Minute)
	p.ctx = ctx
	t.Cleanup(func() {
		for _, c := range p.complaints() {
			t.Errorf("the page complains: %s", c)
		}
		cancelTimeout()
		cancel()
	})
	p.look(s)
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	p.must(err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	p.must(err)
	p.do(chromedp.Navigate(address))
	p.wait("document.readyState === 'complete'")
	return p
}

// listen records errors and requests of the page. It runs on the browser's goroutine.
func (p *tab) listen(event any, address string) {
	complaint := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		complaint = fmt.Sprintf("console.%s %s", e.Type, values(e.Args))
	case *runtime.EventExceptionThrown:
		complaint = "exception: " + e.ExceptionDetails.Text + " " +
			values([]*runtime.RemoteObject{e.ExceptionDetails.Exception})
	case *log.EventEntryAdded:
		complaint = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; u != address && !strings.HasPrefix(u, "data:") {
			complaint = "request for " + u
		}
	}
	if complaint != "" {
		p.mu.Lock()
		p.heard = append(p.heard, complaint)
		p.mu.Unlock()
	}
}

// forgive lets complaints pass that hold one of the words, in capitals or not.
func (p *tab) forgive(words ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, words...)
}

// complaints are those that are not forgiven.
func (p *tab) complaints() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.heard {
		if !slices.ContainsFunc(p.expected, func(w string) bool {
			return strings.Contains(strings.ToLower(c), strings.ToLower(w))
		}) {
			list = append(list, c)
		}
	}
	return list
}

func values(args []*runtime.RemoteObject) string {
	var list []string
	for _, a := range args {
		list = append(list, string(a.Value)+a.Description)
	}
	return strings.Join(list, " ")
}

// look changes the screen.
func (p *tab) look(s screen) {
	p.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(s.scale)}
	if s.phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.do(chromedp.EmulateViewport(s.width, s.height, options...))
	features := []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: choose(s.dark, "dark", "light")},
		{Name: "prefers-reduced-motion", Value: choose(s.calm, "reduce", "no-preference")},
	}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	p.must(err)
}

func choose[T any](yes bool, a, b T) T {
	if yes {
		return a
	}
	return b
}

func (p *tab) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, actions...))
}

// run runs a script for its effect.
func (p *tab) run(script string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
}

// wait waits until the expression is true.
func (p *tab) wait(expression string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second)))
	if err != nil {
		p.t.Fatalf("waiting for %s: %v", expression, err)
	}
}

// get is the value of an expression.
func get[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}
