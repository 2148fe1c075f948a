package retryhttp

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// A wire is what Base gets for one attempt, a copy of the request and its context, and counts what net/http does for
// it: that resends a request itself when a connection turns out to be stale or going away.
//
// It is made for each attempt, because Base may hold on to any of it, and in one piece: one allocation instead of six.
type wire struct {
	context.Context
	req      http.Request
	hooks    atomic.Pointer[httptrace.ClientTrace] // nil until somebody asks for them
	get, got atomic.Int32                          // connections that were asked for, and that were there
}

// newWire returns the wire for an attempt with ctx. When it is not lazy, the hooks are made at once; see hooksKey.
func newWire(ctx context.Context, req *http.Request, lazy bool) *wire {
	w := &wire{Context: ctx}
	ctx = w
	if !lazy {
		ctx = httptrace.WithClientTrace(w.Context, w.counting())
	}
	w.req = *req.WithContext(ctx) // because Clone loses a Trailer that is filled while the body is read
	return w
}

// counting returns hooks that count.
func (w *wire) counting() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { w.get.Add(1) },
		GotConn: func(httptrace.GotConnInfo) { w.got.Add(1) },
	}
}

// Value makes the hooks when they are asked for. Only what opens connections does so, and for that they cost nothing.
func (w *wire) Value(key any) any {
	if key != hooksKey {
		return w.Context.Value(key)
	}
	hooks := w.hooks.Load()
	if hooks == nil {
		hooks = w.counting()
		httptrace.WithClientTrace(w.Context, hooks) // has hooks call those that the caller put there
		w.hooks.Store(hooks)                        // who asks at the same time gets others, which count the same
	}
	return hooks
}

// String and GoString keep the request, and the secrets in its headers, out of logs of contexts.
func (w *wire) String() string   { return "the context of an attempt of retryhttp" }
func (w *wire) GoString() string { return w.String() }

// hooksKey is the key of hooks in a context. httptrace does not export it, but asks the context with it. It is nil, and
// then wires are not lazy, if httptrace should look for hooks in another way.
var hooksKey = func() any {
	spy := &keySpy{Context: context.Background(), hooks: &httptrace.ClientTrace{}}
	if httptrace.ContextClientTrace(spy) != spy.hooks {
		return nil
	}
	return spy.key
}()

type keySpy struct {
	context.Context
	hooks *httptrace.ClientTrace
	key   any // that was asked for last
}

func (s *keySpy) Value(key any) any {
	s.key = key
	return s.hooks
}
