package advice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/cmd/backspan/internal/advice"
	"github.com/backspan/backspan/cmd/backspan/internal/replay"
	"github.com/backspan/backspan/cmd/backspan/internal/root"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fleet is processes that write one event log, with the real loop and the real telemetry, in a bubble whose clock
// begins at 2000-01-01 00:00.
type fleet struct {
	mu  sync.Mutex
	log bytes.Buffer
}

// A process of a fleet.
type process struct {
	*fleet
	pid      int
	provider *trace.TracerProvider
	random   *rand.Rand
	budget   *retry.Budget
	all      sync.WaitGroup // what was started
}

// A source of random numbers that goroutines can share.
type source struct {
	mu sync.Mutex
	rand.Source
}

func (s *source) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Source.Uint64()
}

// Write writes a record as the process.
func (p *process) Write(r *events.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.Host, r.PID = fmt.Sprint("web-", p.pid%3), 1000+p.pid
	p.log.Write(r.Append(nil))
}

// logOf is the event log of so many processes, each of which does what work says for hours.
func logOf(t *testing.T, processes int, work func(p *process)) []byte {
	t.Helper()
	var f fleet
	synctest.Test(t, func(t *testing.T) {
		var running sync.WaitGroup
		for i := range processes {
			p := &process{fleet: &f, pid: i, random: rand.New(&source{Source: rand.NewPCG(uint64(i), 7)})}
			log := telemetry.NewEventLog(p, "")
			p.provider = trace.NewTracerProvider(trace.WithSpanProcessor(log), trace.WithSampler(
				telemetry.Sampler(trace.NeverSample())))
			running.Go(func() {
				work(p)
				p.all.Wait()
				if err := p.provider.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
	})
	return f.log.Bytes()
}

// lasts is how long a log is.
const lasts = 200 * time.Minute

// every calls do again and again until the log is long enough, most often once in pause.
func (p *process) every(pause time.Duration, do func(ctx context.Context)) {
	for begin := time.Now(); time.Since(begin) < lasts; {
		time.Sleep(time.Duration(p.random.Int64N(2 * int64(pause))))
		p.start(do)
	}
}

// together calls do once every 20 minutes, at the same moment in each process.
func (p *process) together(do func(ctx context.Context)) {
	p.start(func(context.Context) {
		for begin := time.Now(); time.Since(begin) < lasts; {
			time.Sleep(20 * time.Minute)
			p.start(do)
		}
	})
}

// start calls do while the process goes on.
func (p *process) start(do func(ctx context.Context)) {
	p.all.Add(1)
	go func() {
		defer p.all.Done()
		ctx, span := p.provider.Tracer("test").Start(context.Background(), "request")
		do(ctx)
		span.End()
	}()
}

// call is an operation whose attempts take 30 ms; the first ones fail with an error for each.
func call(ctx context.Context, name string, policy retry.Policy, fails ...error) error {
	n := 0
	return retry.Do(ctx, name, policy, func(context.Context) error {
		time.Sleep(30 * time.Millisecond)
		if n++; n <= len(fails) {
			return fails[n-1]
		}
		return nil
	})
}

// An errorOfType says its error.type itself.
type errorOfType string

func (e errorOfType) Error() string     { return "failed: " + string(e) }
func (e errorOfType) ErrorType() string { return string(e) }

const (
	down   = errorOfType("503")
	broken = errorOfType("validation")
)

var errOdd = errors.New("row 17 of batch 4 is odd")

// times is err n times.
func times(err error, n int) []error {
	list := make([]error, n)
	for i := range list {
		list[i] = err
	}
	return list
}

const forEver = 100

// usual is how often an operation fails in a service that is well: most recover at the first retry, some at the last.
func (p *process) usual(err error) []error {
	switch n := p.random.IntN(100); {
	case n < 92:
		return nil
	case n < 96:
		return times(err, 1)
	case n < 98:
		return times(err, 2)
	}
	return times(err, 3)
}

// run types a command line and returns what it prints.
func run(t *testing.T, words ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := root.Execute(words, nil, &out, &errOut); code != 0 || errOut.Len() > 0 {
		t.Fatalf("%q: exit code %d, stderr %q", words, code, errOut.String())
	}
	return out.String()
}

// check looks for exactly the findings, each told as KIND OPERATION, and that the records of each are to be found.
func check(t *testing.T, log []byte, want ...string) *advice.Advice {
	t.Helper()
	path := filepath.Join(t.TempDir(), "it's events.jsonl")
	if err := os.WriteFile(path, log, 0o600); err != nil {
		t.Fatal(err)
	}
	var a advice.Advice
	if err := json.Unmarshal([]byte(run(t, "advise", "--json", path)), &a); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range a.Findings {
		got = append(got, f.Kind+" "+f.Operation)
		checkRecords(t, f)
		checkWhatIf(t, f)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q:\n%s", got, want, run(t, "advise", "--utc", path))
	}
	if len(got) != len(want) {
		t.FailNow()
	}
	return &a
}

// checkRecords types the command that f names.
func checkRecords(t *testing.T, f *advice.Finding) {
	t.Helper()
	least := f.Cases
	switch f.Kind { // those of the worst moment alone
	case advice.KindInStep:
		least = int(f.Numbers["peak"])
	case advice.KindBudgetMissing:
		least = int(f.Numbers["worst_retries"])
	}
	if f.Records[0] != "backspan" {
		t.Errorf("%q is no command", f.Records)
	}
	if n := strings.Count(run(t, f.Records[1:]...), "\n"); n < least {
		t.Errorf("%s: %q lists %d records, want %d at least", f.Title, f.Records, n, least)
	}
}

// checkWhatIf types the command that f names, if whatif has an answer: it has to be the same.
func checkWhatIf(t *testing.T, f *advice.Finding) {
	t.Helper()
	w := &f.WhatIf
	if w.Replayed == nil {
		if w.Why == "" {
			t.Errorf("%s: neither what if nor why not: %+v", f.Title, w)
		}
		return
	}
	var answer struct {
		Answers []struct{ Figures replay.Figures }
	}
	if err := json.Unmarshal([]byte(run(t, append(w.Command[1:], "--json")...)), &answer); err != nil {
		t.Fatal(err)
	}
	if got := answer.Answers[0].Figures; got != *w.Replayed {
		t.Errorf("%s: %q says\n%+v, and advise\n%+v", f.Title, w.Command, got, *w.Replayed)
	}
}
