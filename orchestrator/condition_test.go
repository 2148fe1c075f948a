package orchestrator_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/backspan/backspan/orchestrator"
)

// ifs sets the condition of a phase.
func ifs(c orchestrator.Condition, p orchestrator.Phase) orchestrator.Phase {
	p.If = c
	return p
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
			[]orchestrator.Phase{ifs(onFailure, good("e")), bad("a"), good("b"), ifs(onFailure, good("f")), ifs(always, good("z"))},
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
				bad("a"), good("b", "a"), ifs(onFailure, good("f", "b")), good("c"), ifs(onFailure, good("g", "c")), ifs(always, good("z", "f", "g")),
			},
			`a failed, b skipped: it needs "a", which failed, f success, c success, g skipped: nothing failed, z success`, failed,
		},
		{
			"who needs one that had nothing to do, has nothing to do",
			orchestrator.Options{},
			[]orchestrator.Phase{good("a"), ifs(onFailure, good("f", "a")), good("g", "f"), ifs(onFailure, good("h", "g"))},
			`a success, f skipped: nothing failed, g skipped: it needs "f", which was skipped, h skipped: nothing failed`, success,
		},
		{
			"and with a failure elsewhere too",
			orchestrator.Options{ContinueOnError: true},
			[]orchestrator.Phase{bad("x"), good("a"), ifs(onFailure, good("f", "a")), good("g", "f"), ifs(onFailure, good("h", "g"))},
			`x failed, a success, f skipped: nothing failed, g skipped: it needs "f", which was skipped, h skipped: nothing failed`, failed,
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
