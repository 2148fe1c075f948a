package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/root"
	"github.com/backspan/backspan/events"
)

// A history is two days of three hosts with one bad deploy, as a log, and what is known of it because it was made up.
// Nothing of that is read from the log.
type history struct {
	random  *rand.Rand
	records []events.Record
	host    string

	failures []failure
	waits    []wait
	asked    map[string]int                  // by operation: calls whose first attempt failed
	attempts map[string]int                  // of those calls
	lengths  map[string]map[string][]float64 // by operation: attempt, wait, recovery
	tallies  []tallied
	wasted   float64
}

type failure struct {
	at                     time.Time
	operation, host, class string
	first, last            bool
}

type wait struct{ from, to time.Time }

type tallied struct {
	at        time.Time
	operation string
	n         int
}

var (
	historyBegin = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	deployBegin  = historyBegin.Add(40 * time.Hour)
	deployEnd    = deployBegin.Add(2 * time.Hour)
	historyEnd   = historyBegin.Add(48 * time.Hour)
)

const historyTallies = 6 * time.Hour // the hosts begin to tally only then

func newHistory() *history {
	h := &history{
		random: rand.New(rand.NewPCG(5, 6)), asked: map[string]int{}, attempts: map[string]int{},
		lengths: map[string]map[string][]float64{},
	}
	for minute := historyBegin; minute.Before(historyEnd); minute = minute.Add(time.Minute) {
		for _, host := range []string{"web-1", "web-2", "web-3"} {
			h.host = host
			h.minute(minute)
		}
	}
	slices.SortStableFunc(h.records, func(a, b events.Record) int { return a.Time.Compare(b.Time) })
	return h
}

func (h *history) minute(at time.Time) {
	bad := h.host == "web-2" && !at.Before(deployBegin) && at.Before(deployEnd)
	if at.Sub(historyBegin) >= historyTallies {
		for _, operation := range []string{"checkout", "load_prices", "send_mail"} {
			h.tally(at.Add(59*time.Second), operation, 20+h.random.IntN(30))
		}
	}
	chance := 0.02
	if bad {
		chance = 0.9
	}
	if h.random.Float64() < chance {
		h.checkout(at.Add(time.Duration(h.random.IntN(20_000))*time.Millisecond), bad)
	}
	if h.random.Float64() < 0.03 {
		mail := story{operation: "send_mail", class: "no answer from […]:…", error: func() string {
			return fmt.Sprintf("no answer from [2001:db8::%d]:25", h.random.IntN(100))
		}}
		h.call(&mail, at.Add(time.Duration(h.random.IntN(20_000))*time.Millisecond), 1+h.random.IntN(4))
	}
}

// A story is what one call of an operation did.
type story struct {
	operation, parent string
	class             string
	error             func() string
	trace             byte
	work              func(begin time.Time) (end time.Time, failed bool) // of an attempt; nil: any
}

// checkout is a call with one within: what that fails with it fails with.
func (h *history) checkout(begin time.Time, bad bool) {
	trace := byte(1 + h.random.IntN(250))
	class, text := "connection refused", func() string {
		return fmt.Sprintf("dial tcp 10.0.0.%d:5432: connection refused", trace)
	}
	if bad {
		class, text = "no column '…' in table prices", func() string {
			return fmt.Sprintf("no column 'price_%d' in table prices", h.random.IntN(50))
		}
	}
	outer := story{operation: "checkout", class: class, error: text, trace: trace}
	outer.work = func(begin time.Time) (time.Time, bool) {
		inner := story{operation: "load_prices", parent: "checkout", class: class, error: text, trace: trace}
		failures := 1 + h.random.IntN(3)
		if bad || h.random.IntN(3) == 0 {
			failures = 4
		}
		before := h.wasted
		end, gaveUp := h.call(&inner, begin.Add(time.Millisecond), failures)
		end = end.Add(time.Millisecond)
		if gaveUp { // what was wasted within is part of what this attempt wasted
			h.wasted = before
		}
		return end, gaveUp
	}
	h.call(&outer, begin, 0)
}

// call is a call whose first so many attempts fail, of at most four, or as its work says.
func (h *history) call(s *story, begin time.Time, failures int) (end time.Time, gaveUp bool) {
	lengths := h.lengths[s.operation]
	if lengths == nil {
		lengths = map[string][]float64{}
		h.lengths[s.operation] = lengths
	}
	at, delay := begin, 0.0
	for number := 1; ; number++ {
		end, failed := at.Add(time.Duration(5+h.random.IntN(2000))*time.Millisecond), number <= failures
		if s.work != nil {
			end, failed = s.work(at)
		}
		took := end.Sub(at).Seconds()
		if !failed && number == 1 {
			return end, false // which leaves nothing
		}
		h.attempts[s.operation]++
		lengths["attempt"] = append(lengths["attempt"], took)
		if delay > 0 {
			lengths["wait"] = append(lengths["wait"], delay)
			h.waits = append(h.waits, wait{at.Add(-time.Duration(delay * float64(time.Second))), at})
		}
		if !failed {
			lengths["recovery"] = append(lengths["recovery"], end.Sub(begin).Seconds())
			h.write(s, end, events.TypeRecovered, number, "success", delay, took)
			return end, false
		}
		last := number == 4
		h.wasted += took
		if number == 1 {
			h.asked[s.operation]++
		}
		h.failures = append(h.failures, failure{end, s.operation, h.host, s.class, number == 1, last})
		if last {
			h.write(s, end, events.TypeAttempt, number, "failed", delay, took)
			return end, true
		}
		h.write(s, end, events.TypeAttempt, number, "retrying", delay, took)
		delay = float64(int(1) << (number - 1))
		at = end.Add(time.Duration(delay * float64(time.Second)))
	}
}

func (h *history) write(s *story, at time.Time, kind string, number int, result string, delay, took float64) {
	r := events.Record{
		Time: at, Session: "s-" + h.host, Type: kind, Level: events.LevelWarning, Host: h.host, PID: 7, Service: "shop",
		TraceID: [16]byte{s.trace, h.host[4]},
		Details: []events.Field{
			events.Int(events.KeyAttemptNumber, int64(number)), events.String(events.KeyResult, result),
			events.String(events.KeyOperation, s.operation), events.Float(events.KeyDelay, delay),
			events.Float(events.KeyDuration, took),
		},
	}
	if kind == events.TypeAttempt {
		r.Details = append(r.Details, events.String(events.KeyError, s.error()),
			events.String(events.KeyErrorType, "*errors.errorString"), events.Int(events.KeyMaxRetries, 3))
		if s.parent != "" {
			r.Details = append(r.Details, events.Int(events.KeyDepth, 1),
				events.String(events.KeyParentOperation, s.parent))
		}
	}
	h.records = append(h.records, r)
}

func (h *history) tally(at time.Time, operation string, n int) {
	h.tallies = append(h.tallies, tallied{at, operation, n})
	r := events.Record{
		Time: at, Type: events.TypeTally, Level: events.LevelInfo, Host: h.host, PID: 7, Service: "shop",
		Details: []events.Field{
			events.String(events.KeyOperation, operation), events.Int(events.KeyDepth, 0),
			events.Float(events.KeySeconds, 59), events.Int(events.KeySuccesses, int64(n)),
		},
	}
	if operation == "load_prices" {
		r.Details[1] = events.Int(events.KeyDepth, 1)
		r.Details = append(r.Details, events.String(events.KeyParentOperation, "checkout"))
	}
	h.records = append(h.records, r)
}

// files writes the log, a file for each host.
func (h *history) files(t *testing.T) (paths []string) {
	t.Helper()
	text := map[string][]byte{}
	for i := range h.records {
		text[h.records[i].Host] = h.records[i].Append(text[h.records[i].Host])
	}
	for host, log := range text {
		path := filepath.Join(t.TempDir(), host+".jsonl")
		if err := os.WriteFile(path, log, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// ask runs the command and returns what it prints.
func ask(t *testing.T, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := root.Execute(append([]string{"events"}, args...), strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, code, errOut.String())
	}
	return out.String()
}

// answer is what the command prints as JSON.
func answer[T any](t *testing.T, args ...string) (of T) {
	t.Helper()
	if err := json.Unmarshal([]byte(ask(t, append(args, "--format", "json")...)), &of); err != nil {
		t.Fatal(err)
	}
	return of
}

func near(got, want, share float64) bool { return math.Abs(got-want) <= share*math.Abs(want)+1e-6 }

// The questions of a person on call, each asked of the log, and answered from what is known without it.
func TestTheNineQuestions(t *testing.T) {
	h := newHistory()
	files := h.files(t)
	in := func(from, to time.Time) []string {
		return append(slices.Clone(files), "--since", from.Format(time.RFC3339), "--until", to.Format(time.RFC3339))
	}
	count := func(which func(*failure) bool) (n int) {
		for i := range h.failures {
			if which(&h.failures[i]) {
				n++
			}
		}
		return n
	}
	during := func(f *failure, from, to time.Time) bool { return !f.at.Before(from) && f.at.Before(to) }
	succeeded := func(operation string, from, to time.Time) (n int) {
		for _, s := range h.tallies {
			if s.operation == operation && !s.at.Before(from) && s.at.Before(to) {
				n += s.n
			}
		}
		return n
	}

	t.Run("what failed most in the last hour", func(t *testing.T) {
		hour := deployEnd.Add(-time.Hour)
		got := answer[struct {
			Operations []struct {
				Operation string
				Failed    int
				GivenUp   int `json:"given_up"`
			}
		}](t, append([]string{"stats"}, in(hour, deployEnd)...)...)
		for i, o := range got.Operations {
			of := func(f *failure) bool { return f.operation == o.Operation && during(f, hour, deployEnd) }
			failed, gaveUp := count(of), count(func(f *failure) bool { return of(f) && f.last })
			if o.Failed != failed || o.GivenUp != gaveUp || i > 0 && gaveUp > got.Operations[i-1].GivenUp {
				t.Errorf("%d: %+v, want %d failed, %d given up", i, o, failed, gaveUp)
			}
		}
		if len(got.Operations) == 0 || got.Operations[0].Operation != "load_prices" {
			t.Errorf("%+v", got)
		}
	})

	t.Run("whose retries are worse than before", func(t *testing.T) {
		type rates struct {
			Asked       int
			GivenUp     int      `json:"given_up"`
			FailureRate *float64 `json:"failure_rate"`
		}
		type comparison struct {
			Before     struct{ Rates bool }
			Operations []struct {
				Operation   string
				Before, Now rates
				Change      *float64
			}
		}
		check := func(o string, got rates, from, to time.Time) {
			asked := count(func(f *failure) bool { return f.operation == o && f.first && during(f, from, to) })
			all := float64(asked + succeeded(o, from, to))
			if got.Asked != asked || got.FailureRate == nil || !near(*got.FailureRate, float64(asked)/all, 1e-9) {
				t.Errorf("%s: %+v, want %d of %v", o, got, asked, all)
			}
		}
		now := append([]string{"stats"}, in(deployBegin, deployEnd)...)
		got := answer[comparison](t, append(now, "--compare-to", "1d")...)
		if len(got.Operations) != 3 || got.Operations[2].Operation != "send_mail" {
			t.Errorf("%+v", got)
		}
		for _, o := range got.Operations {
			check(o.Operation, o.Before, deployBegin.Add(-24*time.Hour), deployBegin)
			check(o.Operation, o.Now, deployBegin, deployEnd)
			change := 100 * (*o.Now.FailureRate - *o.Before.FailureRate)
			if o.Change == nil || !near(*o.Change, change, 1e-9) {
				t.Errorf("%s changed by %v", o.Operation, o.Change)
			}
		}
		// Before there were tallies nothing is known but numbers, and that is said.
		early := historyBegin.Format(time.RFC3339) + ".." + historyBegin.Add(8*time.Hour).Format(time.RFC3339)
		got = answer[comparison](t, append(now, "--compare-to", early)...)
		o := got.Operations[0]
		if got.Before.Rates || o.Change != nil || o.Before.FailureRate != nil || o.Now.FailureRate == nil {
			t.Errorf("%+v", got)
		}
		text := ask(t, append(now, "--utc", "--compare-to", early)...)
		said := strings.Contains(text, "\n        no denominator before 2026-11-24 06:00:00Z\n")
		if !said || strings.Count(text, "*  ") != 6 {
			t.Error(text)
		}
	})

	t.Run("one session's story in order", func(t *testing.T) {
		text := ask(t, append([]string{"list", "--json", "--session", "s-web-2"}, files...)...)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		var want []string
		for i := range h.records {
			if h.records[i].Session == "s-web-2" {
				want = append(want, strings.TrimSpace(string(h.records[i].Append(nil))))
			}
		}
		if !slices.Equal(lines, want) {
			t.Errorf("%d lines, want %d", len(lines), len(want))
		}
	})

	t.Run("time lost waiting per hour", func(t *testing.T) {
		got := answer[struct {
			Pieces []struct {
				Begin  time.Time
				Failed int
				Waited float64
			}
		}](t, append([]string{"stats", "--utc", "--per", "1h"}, files...)...)
		for i, p := range got.Pieces {
			end, waited := p.Begin.Add(time.Hour), 0.0
			for _, w := range h.waits {
				from, to := w.from, w.to
				if from.Before(p.Begin) {
					from = p.Begin
				}
				if to.After(end) {
					to = end
				}
				waited += max(0, to.Sub(from).Seconds())
			}
			failed := count(func(f *failure) bool { return during(f, p.Begin, end) })
			hour := historyBegin.Add(time.Duration(i) * time.Hour)
			if !near(p.Waited, waited, 1e-9) || p.Failed != failed || !p.Begin.Equal(hour) {
				t.Errorf("%+v, want %v s and %d failed", p, waited, failed)
			}
		}
		if len(got.Pieces) < 48 {
			t.Errorf("%d hours", len(got.Pieces))
		}
	})

	for _, by := range []string{"host", "service", "pid"} {
		t.Run("which "+by+" wrote this", func(t *testing.T) {
			got := answer[struct {
				Operations []struct {
					Group  string
					Failed int
				}
			}](t, append([]string{"stats", "--by", by}, files...)...)
			for _, g := range got.Operations {
				failed := count(func(f *failure) bool {
					return g.Group == f.host || g.Group == f.host+" 7" || g.Group == "shop"
				})
				if g.Failed != failed || failed == 0 {
					t.Errorf("%+v, want %d", g, failed)
				}
			}
			if n := len(got.Operations); n != map[string]int{"host": 3, "service": 1, "pid": 3}[by] {
				t.Errorf("%d groups", n)
			}
		})
	}

	t.Run("errors grouped and normalised", func(t *testing.T) {
		want := map[string]int{}
		for i := range h.failures {
			want[h.failures[i].class]++
		}
		text := ask(t, append([]string{"stats", "--by", "error", "--format", "json"}, files...)...)
		for line := range strings.Lines(text) {
			var c struct {
				Value, Example string
				Count          int
			}
			if err := json.Unmarshal([]byte(line), &c); err != nil || c.Count != want[c.Value] || c.Example == "" {
				t.Errorf("%+v, want %d", c, want[c.Value])
			}
			delete(want, c.Value)
		}
		if len(want) > 0 {
			t.Errorf("missing: %v", want)
		}
	})

	t.Run("p50, p95, p99", func(t *testing.T) {
		type quantiles struct {
			Count         int
			P50, P95, P99 float64
		}
		got := answer[struct {
			Operations []struct {
				Operation                 string
				Attempts, Waits, Recovery *quantiles
			}
		}](t, append([]string{"stats", "--times"}, files...)...)
		for _, o := range got.Operations {
			for name, q := range map[string]*quantiles{"attempt": o.Attempts, "wait": o.Waits, "recovery": o.Recovery} {
				lengths := h.lengths[o.Operation][name]
				slices.Sort(lengths)
				at := func(q float64) float64 { return lengths[int(math.Ceil(q*float64(len(lengths))))-1] }
				if q == nil || q.Count != len(lengths) || !near(q.P50, at(0.5), 0.01) || !near(q.P95, at(0.95), 0.01) ||
					!near(q.P99, at(0.99), 0.01) {
					t.Errorf("%s of %s: %+v, want %d: %v %v %v",
						name, o.Operation, q, len(lengths), at(0.5), at(0.95), at(0.99))
				}
			}
		}
		if len(got.Operations) != 3 {
			t.Errorf("%+v", got)
		}
	})

	t.Run("CSV", func(t *testing.T) {
		rows := strings.Split(ask(t, append([]string{"stats", "--format", "csv"}, files...)...), "\n")
		for operation, asked := range h.asked {
			want := fmt.Sprintf("operation,%s,%d,", operation, asked)
			if !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(row, want) }) {
				t.Errorf("no row begins with %s:\n%s", want, strings.Join(rows, "\n"))
			}
		}
	})

	t.Run("loops within loops", func(t *testing.T) {
		got := answer[struct {
			Loops []struct {
				Operation                 string
				Asked, Attempts, Most     int
				Amplification, Multiplied float64
			}
			WastedCalls   int     `json:"wasted_calls"`
			WastedSeconds float64 `json:"wasted_seconds"`
		}](t, append([]string{"stats", "--loops"}, files...)...)
		multiplied := map[string]float64{}
		for _, l := range got.Loops {
			n := succeeded(l.Operation, historyBegin, historyEnd)
			asked, attempts := h.asked[l.Operation]+n, h.attempts[l.Operation]+n
			amplification := float64(attempts) / float64(asked)
			multiplied[l.Operation] = amplification
			most := 4
			if l.Operation == "load_prices" {
				multiplied[l.Operation] *= multiplied["checkout"]
				most = 16
			}
			if l.Asked != asked || l.Attempts != attempts || !near(l.Amplification, amplification, 1e-9) ||
				!near(l.Multiplied, multiplied[l.Operation], 1e-9) || l.Most != most {
				t.Errorf("%+v, want %d asked, %d attempts, ×%v, %v, %d",
					l, asked, attempts, amplification, multiplied[l.Operation], most)
			}
		}
		if len(got.Loops) != 3 || got.WastedCalls != len(h.failures) || !near(got.WastedSeconds, h.wasted, 1e-6) {
			t.Errorf("%+v, want %d calls and %v s wasted", got, len(h.failures), h.wasted)
		}
	})
}
