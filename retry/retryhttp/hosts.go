package retryhttp

import (
	"net/http"
	"strings"
	"sync"

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
	budget *retry.Budget
	suffix string            // of names: " example.com", or empty
	names  map[string]string // by method
}

// of returns the default name for req, and the budget of its host.
func (h *hosts) of(req *http.Request) (string, *retry.Budget) {
	key, method := keyOf(req), req.Method
	if method == "" {
		method = http.MethodGet
	}
	h.mu.RLock()
	found := h.known[key]
	if found != nil {
		if name, ok := found.names[method]; ok {
			h.mu.RUnlock()
			return name, found.budget
		}
	}
	h.mu.RUnlock()

	h.mu.Lock()
	defer h.mu.Unlock()
	if found = h.known[key]; found == nil {
		found = h.add(key)
	}
	name, ok := found.names[method]
	if !ok {
		name = method + found.suffix
		if len(found.names) < maxMethods {
			found.names[method] = name
		}
	}
	return name, found.budget
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
	h.known[key] = made
	return made
}

func (h *hosts) forget() bool {
	for key, known := range h.known {
		if known.budget.Tokens() == retry.DefaultCapacity {
			delete(h.known, key)
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
	return &host{budget, suffix, map[string]string{}}
}
