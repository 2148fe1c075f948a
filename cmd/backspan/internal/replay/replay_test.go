package replay

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
)

var origin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// made is a history of n minutes with 600 operations each that succeed at once, and what add adds to it.
func made(minutes int, add func(h *history.History)) *history.History {
	h := &history.History{From: origin, To: origin.Add(time.Duration(minutes) * time.Minute)}
	for i := range minutes {
		begin := origin.Add(time.Duration(i) * time.Minute)
		h.Tallies = append(h.Tallies, &history.Tally{
			Name: "call", Service: "s", Begin: begin, End: begin.Add(time.Minute), Successes: 600,
			Durations: []history.Count{{Length: 10, N: 600}},
		})
	}
	add(h)
	return h
}

// op is an operation whose attempts began at the ages and took no time; all failed but the last one of recovered.
func op(at float64, outcome string, maxRetries int, ages ...float64) *history.Operation {
	o := &history.Operation{
		Name: "call", Service: "s", Start: origin.Add(length(at)), MaxRetries: maxRetries,
		Outcome: outcome, Begun: true,
	}
	for i, age := range ages {
		a := history.Attempt{
			Number: i + 1, Begin: length(age), Took: ms, NextWait: -1, Failed: true, ErrorType: "timeout",
		}
		if i > 0 {
			a.Wait = a.Begin - o.Attempts[i-1].End()
			o.Attempts[i-1].NextWait = a.Wait
		}
		o.Attempts = append(o.Attempts, a)
	}
	if last := o.Last(); outcome == semconv.OutcomeRecovered {
		last.Failed, last.ErrorType = false, ""
	}
	o.Took = o.Last().End()
	return o
}

// minute makes 40 operations of each kind out of those of the second minute, evenly.
func minute(h *history.History, of ...func(at float64) *history.Operation) {
	t := h.Tallies[1]
	t.Successes -= int64(40 * len(of)) // load does not grow
	t.Durations[0].N = t.Successes
	for i := range 40 {
		for k, make := range of {
			h.Operations = append(h.Operations, make(60+1.5*float64(i)+0.1*float64(k)))
		}
	}
}

func ask(t *testing.T, h *history.History, p Policy) *Figures {
	t.Helper()
	log, err := New(h, 1)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := log.Ask(p)
	if err != nil || answer.Unknown != nil {
		t.Fatalf("got %+v, %v", answer, err)
	}
	return &answer.Figures
}

func recovers(at float64) *history.Operation {
	return op(at, semconv.OutcomeRecovered, 3, 0, 1.001)
}

func gaveUp(at float64) *history.Operation {
	return op(at, semconv.OutcomeExhausted, 3, 0, 1.001, 3.002, 7.003)
}

// A final answer stays one, and costs no call more, whatever the policy.
func TestFinalAnswersStay(t *testing.T) {
	for _, outcome := range []string{semconv.OutcomePermanent, semconv.OutcomeNotRetryable, semconv.OutcomeRetryLater} {
		f := ask(t, made(3, func(h *history.History) {
			minute(h, recovers, gaveUp, func(at float64) *history.Operation { return op(at, outcome, 3, 0) })
		}), Policy{Retry: retry.Policy{MaxRetries: 3}})
		if f.Wasted.Value != 40*(1+4+1) || f.Operations != 1800 {
			t.Errorf("%s: %v calls of %v operations are wasted, want 240 of 1800",
				outcome, f.Wasted.Value, f.Operations)
		}
	}
}

// What a server asked for is waited, also by a policy that would come earlier.
func TestWhatAServerAskedForIsObeyed(t *testing.T) {
	f := ask(t, made(3, func(h *history.History) {
		minute(h, func(at float64) *history.Operation {
			o := op(at, semconv.OutcomeRecovered, 3, 0, 5.001)
			o.Attempts[0].Asked = 5 * time.Second
			return o
		})
	}), Policy{Retry: retry.Policy{BaseDelay: 100 * ms}})
	if math.Abs(f.Waiting.Value-40*5) > 0.1 || f.Wasted.Value != 40 {
		t.Errorf("waited %v with %v failures, want 200 with 40", f.Waiting.Value, f.Wasted.Value)
	}
}

// Who called leaves at the same age.
func TestCallersWhoLeft(t *testing.T) {
	f := ask(t, made(3, func(h *history.History) {
		minute(h, gaveUp, func(at float64) *history.Operation {
			o := op(at, semconv.OutcomeCancelled, 3, 0, 1.001)
			o.Attempts[1].NextWait = 2 * time.Second
			o.Took = 2 * time.Second
			return o
		})
	}), Policy{})
	if want := 40 * (7 + 1 + 0.998); math.Abs(f.Waiting.Value-want) > 0.5 {
		t.Errorf("waited %v, want %v", f.Waiting.Value, want)
	}
}

// A budget is paid for by what succeeds at first: of many that fail together few are retried.
func TestBudget(t *testing.T) {
	h := made(3, func(h *history.History) {
		for i := range 100 {
			h.Operations = append(h.Operations, gaveUp(90+0.1*float64(i)))
		}
		before, after := *h.Tallies[1], *h.Tallies[1]
		before.End, before.Successes, before.Durations = origin.Add(90*time.Second), 300, nil
		after.Begin, after.Successes, after.Durations = origin.Add(100*time.Second), 200, nil
		h.Tallies = []*history.Tally{h.Tallies[0], &before, &after, h.Tallies[2]}
	})
	f := ask(t, h, Policy{Retry: retry.Policy{MaxRetries: 1}, Budget: 10})
	if f.Wasted.Value != 110 {
		t.Errorf("%v attempts, want 100 and the 10 that the budget allows", f.Wasted.Value)
	}
}

func TestWhatIsMissing(t *testing.T) {
	few := made(3, func(h *history.History) { h.Operations = append(h.Operations, recovers(70)) })
	untallied := made(3, func(h *history.History) { minute(h, recovers) })
	untallied.Tallies = nil
	others := made(3, func(h *history.History) { minute(h, recovers) })
	for _, tally := range others.Tallies {
		tally.Name = history.OtherOperations
	}
	cut := made(3, func(h *history.History) {
		minute(h, recovers)
		for _, o := range h.Operations {
			o.Outcome = ""
		}
	})
	odd := made(3, func(h *history.History) {
		minute(h, func(at float64) *history.Operation { return op(at, semconv.OutcomePermanent, 3, 0) })
		for i := range 5 {
			h.Operations = append(h.Operations, op(70, semconv.OutcomeRecovered, 3, 0, 1+0.3*float64(i)))
		}
	})
	unlimited := made(3, func(h *history.History) {
		minute(h, recovers, gaveUp)
		for _, o := range h.Operations {
			o.MaxRetries = -1
		}
	})
	for name, c := range map[string]struct {
		h    *history.History
		want string
	}{
		"nothing failed": {made(3, func(*history.History) {}), "nothing that another policy would have changed"},
		"few":            {few, "1 operation failed at the first attempt: want 20 at least"},
		"no tallies":     {untallied, "exec, run, demo and programs with NoTally count none"},
		"only others":    {others, "among the (other)"},
		"cut":            {cut, "(and 40 without begin or end)"},
		"max_retries":    {unlimited, "the log does not say max_retries"},
		"waits":          {odd, "are too few to tell their rule"},
	} {
		_, err := New(c.h, 1)
		if e, ok := errors.AsType[*Missing](err); !ok || !strings.Contains(e.What, c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// An operation that cannot be used does not keep others from being replayed, and that is said.
func TestOperationsThatAreLeftOut(t *testing.T) {
	h := made(3, func(h *history.History) {
		minute(h, recovers)
		lone := recovers(70)
		lone.Name = "rare"
		h.Operations = append(h.Operations, lone)
	})
	log, err := New(h, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(log.Notes) != 1 || !strings.Contains(log.Notes[0], "how often rare succeeded") ||
		log.Recorded.Operations != 1800 {
		t.Errorf("got %q of %v operations", log.Notes, log.Recorded.Operations)
	}
}

// A policy without end makes no replay without end, also where nothing takes any time.
func TestPoliciesWithoutEnd(t *testing.T) {
	h := made(3, func(h *history.History) {
		minute(h, recovers, gaveUp)
		for _, o := range h.Operations {
			for i := range o.Attempts {
				o.Attempts[i].Took = 0
			}
		}
	})
	log, err := New(h, 1)
	if err != nil {
		t.Fatal(err)
	}
	endless := retry.Policy{MaxRetries: retry.Unlimited}
	if answer, err := log.Ask(Policy{Retry: endless}); err != nil || answer.Unknown == nil ||
		answer.Unknown.Operations != 40 || answer.Unknown.After != 7003*ms {
		t.Errorf("got %+v, %v, want 40 operations without evidence past 7.003s", answer, err)
	}
	endless.BaseDelay = retry.NoDelay
	_, err = log.Ask(Policy{Retry: endless})
	if e, ok := errors.AsType[*Unanswerable](err); !ok ||
		!strings.Contains(e.Why, "1,001,600 attempts of the 80 operations") {
		t.Errorf("got %v", err)
	}
}

// One damaged time makes a log of centuries, which is no work of centuries.
func TestALogOfCenturies(t *testing.T) {
	h := made(3, func(h *history.History) { minute(h, recovers, gaveUp) })
	late := *h.Tallies[2]
	late.Begin, late.End = late.Begin.AddDate(250, 0, 0), late.End.AddDate(250, 0, 0)
	h.Tallies, h.To = append(h.Tallies, &late), late.End
	begin := time.Now()
	if _, err := New(h, 1); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A log of two policies that the log does not tell apart follows none, and is not replayed.
func TestALogThatDoesNotFollowTheModel(t *testing.T) {
	h := made(6, func(h *history.History) {
		for i := range 200 {
			at := 1.5 * float64(i)
			if i%4 == 0 {
				h.Operations = append(h.Operations, op(at, semconv.OutcomeExhausted, 3, 0, 0.1, 0.2, 0.3))
			} else {
				h.Operations = append(h.Operations, op(at, semconv.OutcomeExhausted, 3, 0, 20, 50, 80))
			}
		}
	})
	_, err := New(h, 1)
	if e, ok := errors.AsType[*Mismatch](err); !ok || !strings.Contains(e.Error(), "was counted") {
		t.Errorf("got %v", err)
	}
}

// The same seed gives the same answer to the last digit.
func TestSameSeedSameAnswer(t *testing.T) {
	var answers [3]Figures
	for i := range answers {
		h := made(3, func(h *history.History) { minute(h, recovers, gaveUp) })
		log, err := New(h, uint64(1+i/2))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := log.Ask(Policy{Retry: retry.Policy{Jitter: retry.FullJitter}})
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = answer.Figures
	}
	if answers[0] != answers[1] {
		t.Errorf("got %+v and %+v", answers[0], answers[1])
	}
	if answers[0] == answers[2] {
		t.Errorf("another seed changes nothing")
	}
}

// With no retry what failed at first stays failed, and nothing else changes: exact.
func TestNoRetries(t *testing.T) {
	f := ask(t, made(3, func(h *history.History) { minute(h, recovers, gaveUp) }),
		Policy{Retry: retry.Policy{MaxRetries: retry.Never}})
	if math.Abs(f.Success.Value-1720.0/1800) > 1e-9 || math.Abs(f.Calls.Value-1) > 1e-9 || f.Waiting.Value != 0 ||
		f.Wasted.Value != 80 {
		t.Errorf("got %+v", f)
	}
}

// What succeeds at once is known to a length of a tally, √2: the interval of a percentile is no narrower there.
func TestPercentilesAreAsWideAsLengthsOfTallies(t *testing.T) {
	f := ask(t, made(3, func(h *history.History) { minute(h, recovers, gaveUp) }), Policy{})
	from, to := semconv.DurationBounds(10)
	if slack := 0.01 * from.Seconds(); f.P50.Low > from.Seconds()+slack || f.P50.High < to.Seconds()-slack {
		t.Errorf("p50 is %+v, want %v to %v in it", f.P50, from, to)
	}
	if f.P99.High > 7.003*1.1 {
		t.Errorf("p99 is %+v, want 7.003 to a bin", f.P99)
	}
}

// Successes fill the gaps between failures, and are as many as before.
func TestSpread(t *testing.T) {
	var failed []float64
	for i := range 50 {
		failed = append(failed, 0.1*float64(i)) // the first half of a window of 10 seconds
	}
	f := newFlow(spread(0, 10, 50, failed))
	if early, all := f.between(0, 5), f.until(100); early > 3 || math.Abs(all-50) > 1e-6 {
		t.Errorf("%v of %v are early, want almost none of 50", early, all)
	}
	if f := newFlow(spread(0, 10, 50, nil)); math.Abs(f.between(2, 4)-10) > 1e-6 {
		t.Errorf("%v in 2 of 10 seconds, want 10 of 50", f.between(2, 4))
	}
	if f := newFlow(spread(5, 5, 3, nil)); math.Abs(f.until(6)-3) > 1e-6 {
		t.Errorf("a window without length has %v, want 3", f.until(6))
	}
}

func TestKaplanMeier(t *testing.T) {
	var s site
	for i, c := range []struct {
		good bool
		ages []float64
	}{{true, []float64{0, 1}}, {false, []float64{0, 2}}, {true, []float64{0, 4}}, {false, []float64{0, 8}}} {
		outcome := semconv.OutcomeExhausted
		if c.good {
			outcome = semconv.OutcomeRecovered
		}
		s.calls = append(s.calls, &call{Operation: op(float64(i), outcome, 1, c.ages...), kind: "timeout"})
	}
	c := curvesOf(&s)["timeout"]
	// 1 of 4 recovers before 1 s, then one is censored at 2 s; the third recovers before 4 s: among 2 if that was after
	// 2 s, among 3 if before.
	if got := c.until(1); got != 0.75 {
		t.Errorf("%v have not recovered at 1 s, want 0.75", got)
	}
	if got := c.until(8); got != 0.75*0.5 && got != 0.75*2/3 {
		t.Errorf("%v have not recovered at 8 s", got)
	}
	if c.oldest != 8 {
		t.Errorf("the oldest age is %v, want 8", c.oldest)
	}
}

func TestInfer(t *testing.T) {
	w := worlds[1]
	w.rate = 20
	for _, want := range []retry.Policy{
		{MaxRetries: 4, BaseDelay: 250 * ms, MaxDelay: time.Second, Multiplier: 3},
		{MaxRetries: 6, BaseDelay: 400 * ms, Jitter: retry.FullJitter},
		{MaxRetries: 4, BaseDelay: 2 * time.Second, Jitter: retry.EqualJitter},
		{MaxRetries: 4, BaseDelay: 300 * ms, MaxDelay: 2 * time.Second, Jitter: retry.DecorrelatedJitter},
		{MaxRetries: 3, BaseDelay: retry.NoDelay},
		{MaxRetries: retry.Never},
	} {
		l, err := counted(w.record(t, Policy{Retry: want}), 1, (*site).infer)
		if err != nil {
			t.Errorf("%v: %v", want, err)
			continue
		}
		got := l.Policies[0].Retry
		want = want.WithDefaults()
		near := func(a, b time.Duration) bool { return a == b || math.Abs(float64(a-b)) < 0.12*float64(b) }
		if got.MaxRetries != want.MaxRetries || got.Jitter != want.Jitter || !near(got.BaseDelay, want.BaseDelay) ||
			want.Jitter != retry.DecorrelatedJitter && want.MaxRetries > 0 &&
				math.Abs(got.Multiplier-want.Multiplier) > 0.11 ||
			want.MaxDelay < 30*time.Second && !near(got.MaxDelay, want.MaxDelay) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// Separate bad times are told apart, and steady failures are none.
func TestIncidents(t *testing.T) {
	for want, times := range map[int][]float64{0: nil, 1: {100}, 2: {100, 400}, 3: {100, 400, 900}} {
		h := made(20, func(h *history.History) {
			for i := range 1200 / 15 {
				h.Operations = append(h.Operations, recovers(15*float64(i)))
			}
			for _, at := range times {
				for i := range 60 {
					h.Operations = append(h.Operations, gaveUp(at+float64(i)))
				}
			}
		})
		log, err := New(h, 1)
		if err != nil {
			t.Fatal(err)
		}
		if log.Incidents != want {
			t.Errorf("%v: %d incidents, want %d", times, log.Incidents, want)
		}
	}
}
