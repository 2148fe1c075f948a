package orchestrator_test

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/orchestrator/internal/scenario"
	"github.com/backspan/backspan/retry"
)

// testEngine is an engine.Driver with a clock of its own that keeps a history, as a durable engine does: everything
// that goes in and out passes through JSON, so that no Go error and no pointer gets through. Played back, the history
// takes the place of the attempts.
type testEngine struct {
	t     *testing.T
	plan  *orchestrator.Plan
	now   time.Time
	queue eventQueue
	ended map[string]bool

	// takes is how long an attempt takes by the engine's clock; nil means no time.
	takes func(engine.Task) time.Duration
	stop  *event // what ends the run's context, and when

	lost     error // when set, every attempt is
	cleansUp bool  // whether phases that are always to begin do so after the stop

	calls   []string // what the loop asked for
	history []string // what came out of Next
	replay  []string // when set, what is to come out of it
}

type event struct {
	at         time.Time
	number     int // in the order of their making
	completion engine.Completion
}

type eventQueue []event

func (e eventQueue) Len() int { return len(e) }
func (e eventQueue) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].number < e[j].number
}
func (e eventQueue) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *eventQueue) Push(x any)   { *e = append(*e, x.(event)) }
func (e *eventQueue) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// elsewhere is the span of a phase in another process.
var elsewhere = trace.NewSpanContext(trace.SpanContextConfig{
	TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true,
})

// epoch is when a testing/synctest bubble begins too.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newEngine(t *testing.T, p orchestrator.Pipeline) *testEngine {
	t.Helper()
	plan, err := p.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return &testEngine{t: t, plan: plan, now: epoch, ended: map[string]bool{}}
}

// stopAt ends the run's context after d.
func (e *testEngine) stopAt(d time.Duration, stop engine.Stop) {
	e.stop = &event{at: epoch.Add(d), number: -1, completion: engine.Completion{Stop: &stop}}
}

// through sends v through JSON into a new T.
func through[T any](t *testing.T, v T) (back T, text string) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	return back, string(data)
}

func (e *testEngine) call(name string, what any) {
	_, text := through(e.t, what)
	e.calls = append(e.calls, name+" "+text)
}

func (e *testEngine) push(d time.Duration, c engine.Completion) {
	back, _ := through(e.t, c)
	heap.Push(&e.queue, event{e.now.Add(d), len(e.calls), back})
}

func (e *testEngine) Now() time.Time { return e.now }

func (e *testEngine) Stopped() *engine.Stop {
	if e.stop == nil || e.stop.at.After(e.now) {
		return nil
	}
	s := e.stop.completion.Stop
	e.stop = nil
	return s
}

func (e *testEngine) CleansUp() bool { return e.cleansUp }

func (e *testEngine) BeginPhase(phase string) { e.call("BeginPhase", phase) }

func (e *testEngine) StartAttempt(task engine.Task) {
	e.call("StartAttempt", task)
	if e.replay != nil {
		return
	}
	task, _ = through(e.t, task)
	var took time.Duration
	if e.takes != nil {
		took = e.takes(task)
	}
	ctx, cancel := context.WithCancelCause(trace.ContextWithRemoteSpanContext(e.t.Context(), elsewhere))
	defer cancel(nil)
	interrupt := func() {}
	if s := e.stop; s != nil && !s.at.After(e.now.Add(took)) {
		took = s.at.Sub(e.now)
		interrupt = func() { cancel(errors.New(s.completion.Stop.Cause)) }
	}
	ctx = context.WithValue(ctx, scenario.Meanwhile{}, interrupt)
	if e.lost != nil {
		done := e.plan.Lost(task, e.lost)
		e.push(took, engine.Completion{Done: &done})
		return
	}
	done, err := e.plan.Attempt(ctx, task, engine.Limits{Grace: time.Minute})
	if err != nil {
		e.t.Error(err)
	}
	e.push(took, engine.Completion{Done: &done})
}

func (e *testEngine) StartTimer(wait engine.Wait) {
	e.call("StartTimer", wait)
	e.push(wait.Delay, engine.Completion{Timer: &wait})
}

func (e *testEngine) EndPhase(result orchestrator.PhaseResult, failure *retry.Error) {
	e.call("EndPhase", result)
	if (failure != nil) != (result.Status == failed || result.Status == cancelled) {
		e.t.Errorf("phase %q is %s, and its error %v", result.Phase, result.Status, failure)
	}
	if e.ended[result.Phase] {
		e.t.Errorf("phase %q ended twice", result.Phase)
	}
	e.ended[result.Phase] = true
}

func (e *testEngine) Next() (engine.Completion, error) {
	if e.replay != nil {
		return e.again()
	}
	if e.queue.Len() == 0 {
		e.t.Fatal("the loop waits for something that it never started")
	}
	next := e.queue[0]
	if e.stop != nil && !e.stop.at.After(next.at) {
		next, e.stop = *e.stop, nil
	} else {
		heap.Pop(&e.queue)
	}
	e.now = next.at
	c, text := through(e.t, next.completion)
	e.history = append(e.history, fmt.Sprintf("%d %s", e.now.Sub(epoch), text))
	return c, nil
}

var errHistoryEnds = errors.New("the history ends here")

// again returns the next completion of the history that is played back.
func (e *testEngine) again() (engine.Completion, error) {
	if e.replay[0] == "end" {
		return engine.Completion{}, errHistoryEnds
	}
	var offset time.Duration
	var text json.RawMessage
	if _, err := fmt.Sscan(e.replay[0], &offset); err != nil {
		e.t.Fatal(err)
	}
	_, rest, _ := bytes.Cut([]byte(e.replay[0]), []byte(" "))
	text, e.replay = rest, e.replay[1:]
	e.now = epoch.Add(offset)
	var c engine.Completion
	if err := json.Unmarshal(text, &c); err != nil {
		e.t.Fatal(err)
	}
	if c.Stop != nil {
		e.stop = nil
	}
	return c, nil
}

// checkReplay plays e's history back to a new engine: the loop must ask for the same and report the same.
func checkReplay(t *testing.T, e *testEngine, p orchestrator.Pipeline, opts orchestrator.Options,
	report orchestrator.Report,
) {
	t.Helper()
	second := newEngine(t, p)
	second.replay = append(slices.Clone(e.history), "end")
	again, _ := second.plan.Drive(second, opts)
	_, got := through(t, again)
	_, want := through(t, report)
	equal(t, "report of the replay", got, want)
	if !slices.Equal(second.calls, e.calls) {
		t.Errorf("calls of the replay:\ngot  %q\nwant %q", second.calls, e.calls)
	}
}

// An engine whose attempts run elsewhere, with nothing but JSON between them and the loop, gives the same report.
func TestAnotherEngine(t *testing.T) {
	p := pipeline(
		orchestrator.Phase{Name: "a", Run: flaky(2, retry.After(3*time.Second, errRefused))},
		orchestrator.Phase{
			Name: "b", Run: ok(map[string]int64{"n": 1 << 60}), Recovery: &retry.Policy{Jitter: retry.FullJitter},
		},
		orchestrator.Phase{
			Name: "c", Run: fails(fmt.Errorf("reading: %w", retry.Permanent(errRefused))),
			Fallback: func(_ context.Context, in orchestrator.Input) (any, error) {
				var b struct{ N int64 }
				return b.N, errors.Join(in.Output("b", &b))
			},
		},
		orchestrator.Phase{
			Name: "d", Run: fails(errRefused), Recovery: &retry.Policy{Jitter: retry.DecorrelatedJitter},
		},
		orchestrator.Phase{Name: "e", Run: func(context.Context, orchestrator.Input) (any, error) { panic("a bug") }},
		orchestrator.Phase{Name: "f", Run: ok(1), Uses: []string{"e"}},
	)
	opts := orchestrator.Options{
		EnableRecovery: true, ContinueOnError: true, RunID: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
	}
	e := newEngine(t, p)
	report, err := e.plan.Drive(e, opts)
	if !errors.Is(err, retry.ErrExhausted) || !errors.Is(err, retry.ErrPermanent) {
		t.Errorf("error %v does not tell how the phases failed", err)
	}
	equal(t, "statuses", statuses(report), "a=success b=success c=success d=failed e=failed f=skipped")
	checkReplay(t, e, p, opts, report)

	inProcess, inProcessErr := inBubble(t, func(ctx context.Context) (orchestrator.Report, error) {
		return p.Run(ctx, opts)
	})
	_, got := through(t, report)
	_, want := through(t, inProcess)
	equal(t, "report", got, want)
	equal(t, "error", err.Error(), inProcessErr.Error())
}

func TestDriveWantsARunID(t *testing.T) {
	e := newEngine(t, pipeline(orchestrator.Phase{Name: "a", Run: ok(1)}))
	_, err := e.plan.Drive(e, orchestrator.Options{})
	var bad *orchestrator.FieldError
	if !errors.As(err, &bad) || bad.Field != "Options.RunID" {
		t.Errorf("error %v, want one about Options.RunID", err)
	}
}

// A worker may get a task that its pipeline, of another version, does not know.
func TestTaskOfAnotherVersion(t *testing.T) {
	e := newEngine(t, pipeline(orchestrator.Phase{Name: "a", Run: ok(1)}))
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), elsewhere)
	for _, task := range []engine.Task{{Phase: "b"}, {Phase: "a", Fallback: true}, {Phase: "a", DryRun: true}} {
		done, err := e.plan.Attempt(ctx, task, engine.Limits{})
		if err != nil || done.Status != orchestrator.AttemptError ||
			done.Decision != (engine.Decision{Reason: engine.ReasonPermanent}) {
			t.Errorf("task %+v: got %+v, want a permanent error", task, done)
		}
	}
}

// What was under way when the run stopped comes in late, in any order; no call of a phase may follow from it.
func TestWhatComesAfterTheStop(t *testing.T) {
	const (
		failedA = `0 {"done":{"phase":"a","status":"error","error":"x","decision":{"retry":true,"delay":2000000000}}}`
		timerA  = `9 {"timer":{"phase":"a","attempt":1,"delay":2000000000,"reason":"x"}}`
		stop    = `5 {"stop":{"cause":"SIGTERM"}}`
		late    = `5 {"stop":{"cause":"too late","deadline":true}}`
		retryB  = `9 {"done":{"phase":"b","status":"error","error":"y","decision":{"retry":true,"delay":2000000000}}}`
		spentB  = `9 {"done":{"phase":"b","status":"error","error":"y","decision":{"reason":"exhausted"}}}`
	)
	for _, c := range []struct {
		name     string
		history  []string
		statuses string
		reasons  [2]string
		status   orchestrator.Status
	}{
		{
			"a timer",
			[]string{failedA, stop, timerA, retryB},
			"a=cancelled b=cancelled",
			[2]string{"the run was cancelled: SIGTERM", "the run was cancelled: SIGTERM"},
			cancelled,
		},
		{
			"a spent phase",
			[]string{failedA, stop, spentB},
			"a=cancelled b=failed",
			[2]string{"the run was cancelled: SIGTERM", "retries exhausted"},
			cancelled,
		},
		{
			"a deadline",
			[]string{failedA, late, retryB},
			"a=failed b=failed",
			[2]string{"the run's time was up: too late", "the run's time was up: too late"},
			failed,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, pipeline(
				orchestrator.Phase{Name: "a", Run: ok(1), Fallback: ok(1)},
				orchestrator.Phase{Name: "b", Run: ok(1), Fallback: ok(1)},
				orchestrator.Phase{Name: "c", Run: ok(1), Needs: []string{"a", "b"}},
			))
			e.replay = append(c.history, "end")
			report, err := e.plan.Drive(e, orchestrator.Options{RunID: "id", EnableRecovery: true})
			equal(t, "statuses", statuses(report), c.statuses+" c=skipped")
			equal(t, "reasons", [2]string{report.Phases[0].Reason, report.Phases[1].Reason}, c.reasons)
			equal(t, "status", report.Status, c.status)
			want := context.Canceled
			if c.status == failed {
				want = context.DeadlineExceeded
			}
			if !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
			tried := 0
			for _, call := range e.calls {
				if strings.HasPrefix(call, "StartAttempt ") {
					tried++
				}
			}
			equal(t, "attempts started", tried, 2)
		})
	}
}

func TestNeverCalledWithAContextThatHasEnded(t *testing.T) {
	e := newEngine(t, pipeline(orchestrator.Phase{
		Name: "a",
		Run: func(context.Context, orchestrator.Input) (any, error) {
			t.Error("called")
			return nil, nil
		},
	}))
	ctx, cancel := context.WithCancelCause(trace.ContextWithRemoteSpanContext(t.Context(), elsewhere))
	cancel(errSignal)
	done, err := e.plan.Attempt(ctx, engine.Task{Phase: "a", Recovery: true}, engine.Limits{})
	if err != nil {
		t.Error(err)
	}
	equal(t, "error", done.Error, "not called: terminated by SIGTERM")
	equal(t, "decision", done.Decision, engine.Decision{Reason: engine.ReasonCancelled})
	equal(t, "final", done.Final, true)
}
