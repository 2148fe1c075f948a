package retryhttp

import (
	"cmp"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/backspan/backspan/retry"
)

// The bounds of what a Transport remembers of hosts.
const (
	maxHosts   = 1_000
	maxMethods = 20 // names of one host
	otherHosts = "other hosts"
)

// hosts has the budget and the names of each host.
type hosts struct {
	mu    sync.RWMutex
	known map[hostKey]*host
	named int   // how many got names of their own, those that were forgotten too
	other *host // all that came when known was full of budgets in use
}

type hostKey struct{ scheme, host string } // lower-case; a port that goes without saying is left out

type host struct {
	budget    *retry.Budget
	suffix    string             // of names: " example.com", or empty
	targets   map[string]*target // by method
	forgotten atomic.Bool
}

// A target is where requests go: to a host, with a method.
type target struct {
	key    hostKey
	method string // as in the request
	name   string // the default one of operations
	host   *host
	hosts  *hosts // that know it; nil when others have the same target
}

// fits reports whether req, which h would be asked about, is known to go to the target. A send asks that of the target
// that it had last, which takes a tenth of looking it up.
func (t *target) fits(req *http.Request, h *hosts) bool {
	return t != nil && t.hosts == h && t.method == req.Method && t.key.host == req.URL.Host &&
		t.key.scheme == req.URL.Scheme && !t.host.forgotten.Load()
}

// of returns where req goes.
func (h *hosts) of(req *http.Request) *target {
	key := keyOf(req)
	h.mu.RLock()
	if found := h.known[key]; found != nil {
		if t := found.targets[req.Method]; t != nil {
			h.mu.RUnlock()
			return t
		}
	}
	h.mu.RUnlock()

	h.mu.Lock()
	defer h.mu.Unlock()
	found := h.known[key]
	if found == nil {
		found = h.add(key)
	}
	t := found.targets[req.Method]
	if t == nil {
		name := cmp.Or(req.Method, http.MethodGet) + found.suffix
		t = &target{key.copied(), strings.Clone(req.Method), name, found, h}
		if found == h.other {
			t.hosts = nil
		}
		if len(found.targets) < maxMethods {
			found.targets[t.method] = t
		}
	}
	return t
}

func keyOf(req *http.Request) hostKey {
	key := hostKey{strings.ToLower(req.URL.Scheme), strings.ToLower(req.URL.Host)}
	switch key.scheme {
	case "http":
		key.host = strings.TrimSuffix(key.host, ":80")
	case "https":
		key.host = strings.TrimSuffix(key.host, ":443")
	}
	return key
}

// copied returns a key to keep: the texts of k may be parts of a long URL.
func (k hostKey) copied() hostKey { return hostKey{strings.Clone(k.scheme), strings.Clone(k.host)} }

// add makes room for one more host by forgetting one whose budget is full, and so like a new one.
func (h *hosts) add(key hostKey) *host {
	if len(h.known) >= maxHosts && !h.forget() {
		if h.other == nil {
			h.other = newHost(otherHosts, "")
		}
		return h.other
	}
	if h.known == nil {
		h.known = map[hostKey]*host{}
	}
	suffix := ""
	if h.named < maxHosts {
		h.named++
		suffix = " " + key.host
	}
	made := newHost(key.scheme+"://"+key.host, suffix)
	h.known[key.copied()] = made
	return made
}

func (h *hosts) forget() bool {
	for key, known := range h.known {
		if known.budget.Tokens() == retry.DefaultCapacity {
			delete(h.known, key)
			known.forgotten.Store(true)
			return true
		}
	}
	return false
}

func newHost(name, suffix string) *host {
	budget, err := retry.NewBudget(retry.BudgetOptions{Name: name})
	if err != nil {
		panic(err) // the zero Capacity is right
	}
	return &host{budget: budget, suffix: suffix, targets: map[string]*target{}}
}
