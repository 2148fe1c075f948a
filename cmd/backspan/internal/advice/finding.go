package advice

import (
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/replay"
)

// The kinds of findings.
const (
	KindPermanent     = "permanent"      // an error never recovers
	KindLateRetry     = "late_retry"     // from one retry on none helped
	KindInStep        = "in_step"        // the retries of several processes come at the same moments
	KindNested        = "nested"         // loops within loops multiply
	KindMaxElapsed    = "max_elapsed"    // it cut nothing, or everything
	KindBudgetMissing = "budget_missing" // retries more than doubled the load
	KindBudgetStarves = "budget_starves" // it refused retries while all was well
)

// A Finding is what the log shows of one operation.
type Finding struct {
	Kind      string `json:"kind"`
	Operation string `json:"operation"`
	Parent    string `json:"parent_operation,omitempty"` // of KindNested: the loop around
	ErrorType string `json:"error_type,omitempty"`       // of KindPermanent
	Error     string `json:"error,omitempty"`            // likewise: what its texts have in common
	Retry     int    `json:"retry,omitempty"`            // of KindLateRetry: the first that never helped, from 1
	Title     string `json:"title"`
	Evidence  string `json:"evidence"` // a sentence or two, with the numbers

	Of       int       `json:"of"`    // how many could have been hits
	Hits     int       `json:"hits"`  // how many were
	Bound    float64   `json:"bound"` // what the share of hits is, with a confidence of 95 %: Side this
	Side     string    `json:"side"`  // at_most or at_least
	Cases    int       `json:"cases"` // on which the finding rests
	Hours    int       `json:"hours"` // separate ones, in which they were
	From     time.Time `json:"from"`  // of the first case
	To       time.Time `json:"to"`    // of the last one
	P        float64   `json:"p"`     // how likely such a log is when nothing is wrong
	Adjusted float64   `json:"p_adjusted"`

	Numbers map[string]float64 `json:"numbers,omitempty"` // more of them, by kind

	Records []string `json:"records"` // a command that lists what it rests on: its words
	Change  Change   `json:"change"`
	WhatIf  WhatIf   `json:"what_if"`

	classes []class  // of KindLateRetry: the errors of its cases
	class   class    // of KindPermanent
	within  []string // of KindPermanent: operations within it that failed so
}

// The values of Finding.Side.
const (
	AtMost  = "at_most"
	AtLeast = "at_least"
)

// A Change is what would mend it, each part where there is such a thing.
type Change struct {
	Text     string `json:"text"`
	Go       string `json:"go,omitempty"`       // a field of retry.Policy, or an expression
	Pipeline string `json:"pipeline,omitempty"` // a key of a pipeline file

	mend func(*replay.Policy) // nil: no policy says it
}

type errorOf struct {
	operation string
	class     class
}

// never notes that k of n did what is said never to happen.
func (p *pair) never(k, n int) {
	p.Hits, p.Of, p.Bound, p.Side = k, n, upperBound(k, n), AtMost
	p.p, p.holds = atMost(k, n, rare), k == 0
}

// always notes that k of n did what is said always to happen.
func (p *pair) always(k, n int) {
	p.Hits, p.Of, p.Bound, p.Side = k, n, lowerBound(k, n), AtLeast
	p.p, p.holds = atLeast(k, n, 1-rare), k == n
}

// often notes that k of n did what should be rare.
func (p *pair) often(k, n int) {
	p.Hits, p.Of, p.Bound, p.Side = k, n, lowerBound(k, n), AtLeast
	p.p, p.holds = atLeast(k, n, rare), true
}
