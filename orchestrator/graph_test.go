package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// diary notes when phases begin and end, and how many are under way.
type diary struct {
	mu      sync.Mutex
	started time.Time
	lines   []string
	running int
	most    int
}

// phase takes d seconds and fails if err is not nil.
func (d *diary) phase(name string, seconds int, err error, needs ...string) orchestrator.Phase {
	return orchestrator.Phase{Name: name, Needs: needs, Run: func(context.Context, orchestrator.Input) (any, error) {
		d.note(name+" begins", 1)
		<-time.After(time.Duration(seconds) * time.Second)
		d.note(name+" ends", -1)
		return name, err
	}}
}

func (d *diary) note(what string, more int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v %s", time.Since(d.started), what))
	d.running += more
	d.most = max(d.most, d.running)
}

// run runs phases in a bubble and returns the report, the error and the diary's lines in order.
func (d *diary) run(t *testing.T, opts orchestrator.Options, phases ...orchestrator.Phase) (
	report orchestrator.Report, err error,
) {
	synctest.Test(t, func(t *testing.T) {
		d.started = time.Now()
		report, err = pipeline(phases...).Run(t.Context(), opts)
	})
	slices.Sort(d.lines) // those of one instant are in any order
	return report, err
}

func TestSequence(t *testing.T) {
	var d diary
	report, err := d.run(t, orchestrator.Options{}, d.phase("c", 1, nil), d.phase("a", 2, nil), d.phase("b", 1, nil))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "statuses", statuses(report), "c=success a=success b=success")
	want := []string{"0s c begins", "1s a begins", "1s c ends", "3s a ends", "3s b begins", "4s b ends"}
	if !slices.Equal(d.lines, want) {
		t.Errorf("got  %q\nwant %q", d.lines, want)
	}
	equal(t, "at once", d.most, 1)
}

// An empty Needs that is not nil needs nothing: the phases are no sequence, and all of them begin at once.
func TestEmptyNeedsMakeNoSequence(t *testing.T) {
	var d diary
	first, second := d.phase("a", 1, errRefused), d.phase("b", 1, nil)
	first.Needs = []string{}
	report, err := d.run(t, orchestrator.Options{}, first, second)
	if !errors.Is(err, errRefused) {
		t.Fatalf("error = %v, want %v", err, errRefused)
	}
	equal(t, "statuses", statuses(report), "a=failed b=success")
	equal(t, "at once", d.most, 2)
}

func TestGraph(t *testing.T) {
	var d diary
	report, err := d.run(t, orchestrator.Options{},
		d.phase("report", 1, nil, "left", "right"),
		d.phase("left", 3, nil, "load"),
		d.phase("right", 1, nil, "load"),
		d.phase("load", 1, nil),
		d.phase("apart", 10, nil),
	)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "statuses", statuses(report), "report=success left=success right=success load=success apart=success")
	want := []string{
		"0s apart begins", "0s load begins", "10s apart ends", "1s left begins", "1s load ends", "1s right begins",
		"2s right ends", "4s left ends", "4s report begins", "5s report ends",
	}
	if !slices.Equal(d.lines, want) {
		t.Errorf("got  %q\nwant %q", d.lines, want)
	}
}

func TestMaxParallel(t *testing.T) {
	for limit, took := range map[int]time.Duration{
		0: time.Second, 1: 12 * time.Second, 5: 3 * time.Second, 100: time.Second,
	} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			var d diary
			phases := []orchestrator.Phase{d.phase("p0", 1, nil)}
			for i := 1; i < 12; i++ {
				phases = append(phases, d.phase(fmt.Sprint("p", i), 1, nil))
			}
			phases = append(phases, d.phase("last", 0, nil, "p11")) // makes it a graph
			report, err := d.run(t, orchestrator.Options{MaxParallel: limit}, phases...)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "time taken", report.Ended.Sub(report.Started), took)
			most := limit
			if limit == 0 || limit > 12 {
				most = 12
			}
			equal(t, "at once", d.most, most)
		})
	}
}

// A phase that waits for its recovery keeps its place: the waits in the report are the waits that were.
func TestWaitsCountAsParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(
			orchestrator.Phase{Name: "a", Run: flaky(1, errRefused)},
			orchestrator.Phase{Name: "b", Run: work(time.Second)},
			orchestrator.Phase{Name: "c", Run: ok(1), Needs: []string{"a"}},
		)
		report, err := p.Run(t.Context(), orchestrator.Options{EnableRecovery: true, MaxParallel: 1})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "time taken", report.Ended.Sub(report.Started), 3*time.Second)
	})
}

func TestFailureInAGraph(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		onward   bool
		statuses string
		reasons  string
		began    string
	}{
		{
			false, "bad=failed child=skipped grandchild=skipped long=success later=skipped",
			`recovery is off|it needs "bad", which failed|it needs "child", which was skipped||"bad" failed before it began`,
			"bad long",
		},
		{
			true, "bad=failed child=skipped grandchild=skipped long=success later=success",
			`recovery is off|it needs "bad", which failed|it needs "child", which was skipped||`,
			"bad later long",
		},
	} {
		t.Run(fmt.Sprint("ContinueOnError ", c.onward), func(t *testing.T) {
			var d diary
			report, err := d.run(t, orchestrator.Options{ContinueOnError: c.onward},
				d.phase("bad", 1, broken),
				d.phase("child", 1, nil, "bad", "long"),
				d.phase("grandchild", 1, nil, "child"),
				d.phase("long", 5, nil),
				d.phase("later", 1, nil, "long"),
			)
			if !errors.Is(err, broken) {
				t.Errorf("error %v, want %v", err, broken)
			}
			equal(t, "error", err.Error(), `pipeline "nightly" failed: bad: gave up after 1 attempt: broken`)
			equal(t, "statuses", statuses(report), c.statuses)
			var reasons, began []string
			for _, p := range report.Phases {
				reasons = append(reasons, p.Reason)
			}
			equal(t, "reasons", strings.Join(reasons, "|"), c.reasons)
			for _, line := range d.lines {
				if fields := strings.Fields(line); fields[2] == "begins" {
					began = append(began, fields[1])
				}
			}
			slices.Sort(began)
			equal(t, "began", strings.Join(began, " "), c.began)
		})
	}
}

func TestFailureInASequence(t *testing.T) {
	reads := func(_ context.Context, in orchestrator.Input) (any, error) {
		var v any
		return nil, in.Output("a", &v)
	}
	phases := []orchestrator.Phase{
		{Name: "a", Run: fails(errRefused)},
		{Name: "b", Run: ok(1)},
		{Name: "c", Run: reads, Uses: []string{"a"}}, // says that it cannot do without
		{Name: "d", Run: ok(1)},
	}
	report, err := pipeline(phases...).Run(t.Context(), orchestrator.Options{})
	if err == nil {
		t.Error("no error")
	}
	equal(t, "stopping", statuses(report), "a=failed b=skipped c=skipped d=skipped")
	equal(t, "reason", report.Phases[1].Reason, `"a" failed before it began`)
	report, err = pipeline(phases...).Run(t.Context(), orchestrator.Options{ContinueOnError: true})
	if err == nil {
		t.Error("no error")
	}
	equal(t, "going on", statuses(report), "a=failed b=success c=skipped d=success")
}

func TestErrorOfManyPhases(t *testing.T) {
	var phases []orchestrator.Phase
	for i := range 5 {
		phases = append(phases, orchestrator.Phase{Name: fmt.Sprint("p", i), Run: fails(fmt.Errorf("error %d", i))})
	}
	_, err := pipeline(phases...).Run(t.Context(), orchestrator.Options{ContinueOnError: true, RunID: "id"})
	equal(t, "message", err.Error(), `pipeline "nightly" failed: p0: gave up after 1 attempt: error 0; `+
		`p1: gave up after 1 attempt: error 1; p2: gave up after 1 attempt: error 2; and 2 more`)
	var failure *orchestrator.Error
	if !errors.As(err, &failure) {
		t.Fatalf("error %T, want *orchestrator.Error", err)
	}
	equal(t, "run id", failure.RunID, "id")
	equal(t, "errors", len(failure.Phases), 5)
	var last *retry.Error
	if !errors.As(failure.Phases[4], &last) || last.Operation != "p4" || last.Attempts != 1 {
		t.Errorf("the last phase's error is %v", last)
	}
}

func TestDryRun(t *testing.T) {
	never := func(context.Context, orchestrator.Input) (any, error) {
		t.Error("a dry run called a function that has effects")
		return nil, nil
	}
	var read error
	p := pipeline(
		orchestrator.Phase{Name: "load", Run: never},
		orchestrator.Phase{
			Name: "check", Run: never, Fallback: never, Needs: []string{"load"},
			DryRun: func(_ context.Context, in orchestrator.Input) (any, error) {
				var v any
				read = in.Output("load", &v)
				if !in.DryRun {
					t.Error("Input.DryRun is false in a dry run")
				}
				return "would check", nil
			},
		},
		orchestrator.Phase{Name: "write", Run: never, Needs: []string{"check"}},
	)
	report, err := p.Run(t.Context(), orchestrator.Options{DryRun: true, EnableRecovery: true})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "statuses", statuses(report), "load=skipped check=success write=skipped")
	equal(t, "reason", report.Phases[0].Reason, "dry run")
	equal(t, "status", report.Status, success)
	equal(t, "dry", report.DryRun, true)
	if read == nil || !errors.Is(read, retry.ErrPermanent) {
		t.Errorf("reading the output of a phase that did not run: error %v, want a permanent one", read)
	}
	p.Phases[1].DryRun = fails(retry.Permanent(errRefused))
	report, err = p.Run(t.Context(), orchestrator.Options{DryRun: true, EnableRecovery: true})
	if err == nil {
		t.Error("no error")
	}
	equal(t, "statuses", statuses(report), "load=skipped check=failed write=skipped")
	equal(t, "reason", report.Phases[2].Reason, `it needs "check", which failed`)
}

func TestFirstFailureIsTheOneThatIsNamed(t *testing.T) {
	var d diary
	report, _ := d.run(t, orchestrator.Options{},
		d.phase("late", 2, errRefused), d.phase("early", 1, errRefused), d.phase("long", 3, nil),
		d.phase("last", 1, nil, "long"))
	equal(t, "reason", phaseOf(t, report, "last").Reason, `"early" failed before it began`)
}
