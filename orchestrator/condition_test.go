package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// ifs sets the condition of a phase.
func ifs(c orchestrator.Condition, p orchestrator.Phase) orchestrator.Phase {
	p.If = c
	return p
}

func allowed(p orchestrator.Phase) orchestrator.Phase {
	p.AllowFailure = true
	return p
}

func uses(phase string, p orchestrator.Phase) orchestrator.Phase {
	p.Uses = []string{phase}
	return p
}

func began(phase string, p orchestrator.Phase) orchestrator.Phase {
	p.IfBegan = phase
	return p
}

func dry(p orchestrator.Phase) orchestrator.Phase {
	p.DryRun = p.Run
	return p
}

// nothingToDo is a phase that has nothing to do, as it finds out when it is tried again.
func nothingToDo(name string) orchestrator.Phase {
	return orchestrator.Phase{Name: name, Fallback: fails(errRefused), Run: fails(orchestrator.Skip("up to date"))}
}

func TestConditions(t *testing.T) {
	const onFailure, always = orchestrator.OnFailure, orchestrator.Always
	good := func(name string, needs ...string) orchestrator.Phase {
		return orchestrator.Phase{Name: name, Run: ok(nil), Needs: needs}
	}
	bad := func(name string, needs ...string) orchestrator.Phase {
		return orchestrator.Phase{Name: name, Run: fails(errRefused), Needs: needs}
	}
	for _, c := range []struct {
		name   string
		opts   orchestrator.Options
		phases []orchestrator.Phase
		want   string // the statuses and the reasons of skipped phases
		run    orchestrator.Status
	}{
		{
			"nothing fails",
			orchestrator.Options{},
			[]orchestrator.Phase{good("a"), ifs(onFailure, good("f")), ifs(always, good("z")), good("b")},
			"a success, f skipped: nothing failed, z success, b success", success,
		},
		{
			"something fails",
			orchestrator.Options{},
			[]orchestrator.Phase{
				ifs(onFailure, good("e")), bad("a"), good("b"), ifs(onFailure, good("f")), ifs(always, good("z")),
			},
			`e skipped: nothing failed, a failed, b skipped: "a" failed before it began, f success, z success`, failed,
		},
		{
			"the one for failures fails too",
			orchestrator.Options{},
			[]orchestrator.Phase{bad("a"), ifs(onFailure, bad("f")), ifs(always, good("z"))},
			"a failed, f failed, z success", failed,
		},
		{
			"in a graph, what it needs counts, also through others",
			orchestrator.Options{},
			[]orchestrator.Phase{
				bad("a"), good("b", "a"), ifs(onFailure, good("f", "b")), good("c"), ifs(onFailure, good("g", "c")),
				ifs(always, good("z", "f", "g")),
			},
			`a failed, b skipped: it needs "a", which failed, f success, c success, g skipped: nothing failed, z success`, failed,
		},
		{
			"who needs one that had nothing to do, has nothing to do",
			orchestrator.Options{},
			[]orchestrator.Phase{
				good("a"), ifs(onFailure, good("f", "a")), good("g", "f"), ifs(onFailure, good("h", "g")),
			},
			`a success, f skipped: nothing failed, g skipped: it needs "f", which was skipped, h skipped: nothing failed`, success,
		},
		{
			"and with a failure elsewhere too",
			orchestrator.Options{ContinueOnError: true},
			[]orchestrator.Phase{
				bad("x"), good("a"), ifs(onFailure, good("f", "a")), good("g", "f"), ifs(onFailure, good("h", "g")),
			},
			`x failed, a success, f skipped: nothing failed, g skipped: it needs "f", which was skipped, h skipped: nothing failed`, failed,
		},
		{
			"a failure that is allowed holds nobody up, except those that use its output",
			orchestrator.Options{},
			[]orchestrator.Phase{
				allowed(bad("a")), good("b", "a"), uses("a", good("c", "a")), good("d", "c"),
				ifs(onFailure, good("f", "a")),
			},
			`a failed, b success, c skipped: it needs "a", which failed, d skipped: it needs "c", which was skipped, ` +
				"f skipped: nothing failed", success,
		},
		{
			"in a sequence too",
			orchestrator.Options{},
			[]orchestrator.Phase{allowed(bad("a")), good("b"), ifs(onFailure, good("f"))},
			"a failed, b success, f skipped: nothing failed", success,
		},
		{
			"another failure fails the run, and is the one that is told",
			orchestrator.Options{},
			[]orchestrator.Phase{allowed(bad("a")), bad("b"), good("c")},
			`a failed, b failed, c skipped: "b" failed before it began`, failed,
		},
		{
			"what was begun is cleaned up, and nothing else",
			orchestrator.Options{},
			[]orchestrator.Phase{
				good("a"), bad("b", "a"), good("c", "b"),
				began("b", ifs(always, good("y", "c"))), began("c", ifs(always, good("z", "c"))),
			},
			`a success, b failed, c skipped: it needs "b", which failed, y success, z skipped: "c" did not begin`,
			failed,
		},
		{
			"nothing to do is no failure, and whoever needs it has nothing to do either",
			recovering,
			[]orchestrator.Phase{
				nothingToDo("a"), good("b", "a"), good("c"), ifs(onFailure, good("f", "b")),
				began("b", ifs(always, good("z", "b"))),
			},
			`a skipped: up to date, b skipped: it needs "a", which was skipped, c success, f skipped: nothing failed, ` +
				`z skipped: "b" did not begin`, success,
		},
		{
			"in a sequence the next phase begins",
			orchestrator.Options{},
			[]orchestrator.Phase{nothingToDo("a"), good("b"), began("a", ifs(always, good("z")))},
			"a skipped: up to date, b success, z success", success,
		},
		{
			"a dry run begins nothing, and holds nobody up",
			orchestrator.Options{DryRun: true},
			[]orchestrator.Phase{good("a"), began("a", ifs(always, dry(good("z"))))},
			"a skipped: dry run, z success", success,
		},
		{
			"a dry run fails nothing",
			orchestrator.Options{DryRun: true},
			[]orchestrator.Phase{bad("a"), ifs(onFailure, good("f", "a")), ifs(always, good("z", "f"))},
			"a skipped: dry run, f skipped: nothing failed, z skipped: dry run", success,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := pipeline(c.phases...).Run(t.Context(), c.opts)
			var got []string
			for _, p := range report.Phases {
				text := p.Phase + " " + string(p.Status)
				if p.Status == skipped {
					text += ": " + p.Reason
				}
				got = append(got, text)
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
			if report.Status != c.run || (err == nil) != (c.run == success) {
				t.Errorf("status = %s with error %v, want %s", report.Status, err, c.run)
			}
		})
	}
}

// Who cancels a run wants nothing more to begin, whatever its condition.
func TestConditionsAfterCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := orchestrator.Phase{Name: "a", Run: func(context.Context, orchestrator.Input) (any, error) {
		cancel()
		return nil, errRefused
	}}
	report, err := pipeline(stop, ifs(orchestrator.OnFailure, orchestrator.Phase{Name: "f", Run: ok(nil)}),
		ifs(orchestrator.Always, orchestrator.Phase{Name: "z", Run: ok(nil)})).Run(ctx, orchestrator.Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want one of cancelling", err)
	}
	for _, p := range report.Phases[1:] {
		if p.Status != skipped || p.Reason != "the run was cancelled" {
			t.Errorf("phase %s is %s (%s), want skipped because the run was cancelled", p.Phase, p.Status, p.Reason)
		}
	}
}

func TestAnUnknownConditionIsRefused(t *testing.T) {
	err := pipeline(ifs(3, orchestrator.Phase{Name: "a", Run: ok(nil)})).Validate()
	var bad *orchestrator.FieldError
	if !errors.As(err, &bad) || bad.Field != `Pipeline.Phases["a"].If` || bad.Value != "3" {
		t.Errorf("error = %v, want a FieldError about If", err)
	}
}

// Who begins after failures, and who falls back, is told what failed: of several phases the first one that it waits
// for, else the first one of all.
func TestWhatFailedIsTold(t *testing.T) {
	told := map[string]string{}
	var mu sync.Mutex
	listen := func(p orchestrator.Phase) orchestrator.Phase {
		p.Run = func(_ context.Context, in orchestrator.Input) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			told[in.Phase] = fmt.Sprintf("%s: %s: %s", in.RunStatus, in.FailedPhase, in.FailedError)
			return nil, nil
		}
		return p
	}
	after := func(d time.Duration, err error) orchestrator.PhaseFunc {
		return func(context.Context, orchestrator.Input) (any, error) {
			<-time.After(d)
			return nil, err
		}
	}
	const onFailure, always = orchestrator.OnFailure, orchestrator.Always
	phase := func(name string, needs ...string) orchestrator.Phase {
		return listen(orchestrator.Phase{Name: name, Needs: needs})
	}
	mended := orchestrator.Phase{Name: "mended", Run: after(0, errors.New("broken")), Fallback: phase("").Run}
	p := pipeline(
		orchestrator.Phase{Name: "late", Run: after(2*time.Second, errors.New("late error"))},
		orchestrator.Phase{Name: "early", Run: after(time.Second, errors.New("early error"))},
		allowed(orchestrator.Phase{Name: "allowed", Run: fails(errors.New("allowed error"))}),
		mended,
		phase("child", "late"),
		ifs(onFailure, phase("of_late", "child")),
		ifs(always, phase("of_both", "child", "early")),
		ifs(always, phase("of_others", "allowed", "wait")),
		orchestrator.Phase{Name: "wait", Run: after(3*time.Second, nil)},
		ifs(always, phase("of_success", "allowed")),
		phase("ordinary", "allowed"),
	)
	p.Recovery.MaxRetries = retry.Never
	_, err := inBubble(t, func(ctx context.Context) (orchestrator.Report, error) {
		return p.Run(ctx, orchestrator.Options{EnableRecovery: true, ContinueOnError: true})
	})
	if err == nil {
		t.Error("no error")
	}
	want := map[string]string{
		"mended":     "failed: mended: broken",
		"of_late":    "failed: late: late error",
		"of_both":    "failed: early: early error",
		"of_others":  "failed: early: early error",
		"of_success": "success: : ",
		"ordinary":   ": : ",
	}
	for name, text := range want {
		equal(t, name, told[name], text)
	}
	equal(t, "phases told", len(told), len(want))
}

// In a run that is stopped, what cleans up is told so.
func TestACancelledRunIsTold(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := orchestrator.Phase{
		Name: "a", AllowFailure: true,
		Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			cancel(errSignal)
			return nil, ctx.Err()
		},
	}
	var got string
	clean := began("a", ifs(orchestrator.Always,
		orchestrator.Phase{Name: "z", Run: func(_ context.Context, in orchestrator.Input) (any, error) {
			got = fmt.Sprintf("%s: %s: %s", in.RunStatus, in.FailedPhase, in.FailedError)
			return nil, nil
		}}))
	report, _ := pipeline(interrupted, clean).Run(ctx, orchestrator.Options{Cleanup: t.Context()})
	equal(t, "told", got, "cancelled: a: context canceled")
	equal(t, "statuses", statuses(report), "a=cancelled z=success")
	equal(t, "the run", report.Status, cancelled)
}

func TestIfBeganWantsAPhaseThatEndsBefore(t *testing.T) {
	for _, c := range []struct {
		phases []orchestrator.Phase
		want   string
	}{
		{
			[]orchestrator.Phase{
				{Name: "a", Run: ok(nil)},
				began("c", orchestrator.Phase{Name: "b", Run: ok(nil)}),
				{Name: "c", Run: ok(nil)},
			},
			`orchestrator: Pipeline.Phases["b"].IfBegan is "c", want a phase before it`,
		},
		{
			[]orchestrator.Phase{
				{Name: "a", Run: ok(nil), Needs: []string{}}, began("a", orchestrator.Phase{Name: "b", Run: ok(nil)}),
			},
			`orchestrator: Pipeline.Phases["b"].IfBegan is "a", want a phase that it needs, also through others; or to name this one in Needs`,
		},
		{
			[]orchestrator.Phase{
				{Name: "load", Run: ok(nil)}, began("lord", orchestrator.Phase{Name: "b", Run: ok(nil)}),
			},
			`orchestrator: Pipeline.Phases["b"].IfBegan is "lord", want the name of another phase (did you mean load?)`,
		},
	} {
		equal(t, "error", fmt.Sprint(pipeline(c.phases...).Validate()), c.want)
	}
}

// A phase that ends because the run's time is up fails the run, whatever it is allowed.
func TestTheEndOfTheRunIsNoAllowedFailure(t *testing.T) {
	report, err := inBubble(t, func(ctx context.Context) (orchestrator.Report, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return pipeline(allowed(orchestrator.Phase{Name: "a", Run: work(time.Minute)})).Run(ctx, orchestrator.Options{})
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want one of a deadline", err)
	}
	equal(t, "statuses", statuses(report), "a=failed")
	equal(t, "allowed", report.Phases[0].Allowed, false)
	equal(t, "the run", report.Status, failed)
}
