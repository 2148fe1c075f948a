package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestOutputsAreHandedOn(t *testing.T) {
	type rows struct {
		Count int64
		Names []string
	}
	p := pipeline(
		orchestrator.Phase{Name: "load", Run: ok(rows{math.MaxInt64, []string{"<a>", "ü"}})},
		orchestrator.Phase{Name: "nothing", Run: ok(nil)},
		orchestrator.Phase{
			Name: "read", Uses: []string{"load"},
			Run: func(_ context.Context, in orchestrator.Input) (any, error) {
				var typed rows
				var untyped map[string]any
				var raw json.RawMessage
				nothing := new(int)
				for _, err := range []error{
					in.Output("load", &typed), in.Output("load", &untyped), in.Output("load", &raw),
					in.Output("nothing", &nothing),
				} {
					if err != nil {
						t.Error(err)
					}
				}
				if !reflect.DeepEqual(typed, rows{math.MaxInt64, []string{"<a>", "ü"}}) {
					t.Errorf("typed: %v", typed)
				}
				equal(t, "number in an any", untyped["Count"], any(json.Number("9223372036854775807")))
				equal(t, "nil", nothing, nil)
				return raw, nil
			},
		},
	)
	report, err := p.Run(t.Context(), recovering)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "raw", string(report.Phases[2].Result), string(report.Phases[0].Result))
	equal(t, "nil result", report.Phases[1].Result == nil, true)
	var back rows
	if err := phaseOf(t, report, "read").Output(&back); err != nil || back.Count != math.MaxInt64 {
		t.Errorf("output from the report: %v, %v", back, err)
	}
}

func TestOutputThatCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name, phase, want string
		into              any
	}{
		{
			"not used", "apart",
			`orchestrator: Input.Output is "apart", want a phase that it reads (a), or to name this one in Uses`,
			new(any),
		},
		{
			"unknown", "x",
			`orchestrator: Input.Output is "x", want a phase that it reads (a), or to name this one in Uses`, new(any),
		},
		{"wrong type", "a", `output of phase "a": json: cannot unmarshal string into Go value of type int`, new(int)},
		{"no pointer", "a", `output of phase "a": json: Unmarshal(non-pointer string)`, "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pipeline(
				orchestrator.Phase{Name: "a", Run: ok("text")},
				orchestrator.Phase{Name: "apart", Run: ok(1)},
				orchestrator.Phase{
					Name: "b", Needs: []string{"a"},
					Run: func(_ context.Context, in orchestrator.Input) (any, error) {
						return nil, in.Output(c.phase, c.into)
					},
				},
			)
			report, err := p.Run(t.Context(), recovering)
			equal(t, "error", phaseOf(t, report, "b").Error, c.want)
			if !errors.Is(err, retry.ErrPermanent) { // recovery would find the same
				t.Errorf("error %v is not permanent", err)
			}
		})
	}
	if err := (orchestrator.Input{Phase: "a"}).Output("b", new(any)); err == nil {
		t.Error("an Input that no run made has outputs")
	}
}

func TestPhaseResultWithoutOutput(t *testing.T) {
	report, _ := pipeline(orchestrator.Phase{Name: "a", Run: fails(errRefused)}).Run(t.Context(),
		orchestrator.Options{})
	if err := report.Phases[0].Output(new(any)); err == nil {
		t.Error("a failed phase has an output")
	}
	if _, found := report.Phase("b"); found {
		t.Error("found a phase that is not there")
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-([48])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestInput(t *testing.T) {
	keys := map[string]string{}
	var attempts []int
	see := func(_ context.Context, in orchestrator.Input) (any, error) {
		if k, found := keys[in.RunID+in.Phase]; found && k != in.IdempotencyKey {
			t.Errorf("attempt %d of %q has a key of its own", in.Attempt, in.Phase)
		}
		keys[in.RunID+in.Phase] = in.IdempotencyKey
		if m := uuidForm.FindStringSubmatch(in.IdempotencyKey); m == nil || m[1] != "8" {
			t.Errorf("key %q is no UUID of version 8", in.IdempotencyKey)
		}
		attempts = append(attempts, in.Attempt)
		if in.DryRun {
			t.Error("DryRun is true")
		}
		if in.Attempt < 2 {
			return nil, errRefused
		}
		return nil, nil
	}
	ids := map[string]bool{}
	for range 3 {
		p := pipeline(orchestrator.Phase{Name: "a", Run: see}, orchestrator.Phase{Name: "b", Run: see})
		report, err := p.Run(retrytest.NoWait(t.Context()), recovering)
		if err != nil {
			t.Fatal(err)
		}
		if m := uuidForm.FindStringSubmatch(report.SessionID); m == nil || m[1] != "4" {
			t.Errorf("id %q is no random UUID", report.SessionID)
		}
		ids[report.SessionID] = true
	}
	distinct := map[string]bool{}
	for _, k := range keys {
		distinct[k] = true
	}
	equal(t, "ids", len(ids), 3)
	equal(t, "keys", len(distinct), 6)
	if want := []int{0, 1, 2, 0, 1, 2}; !reflect.DeepEqual(attempts[:6], want) {
		t.Errorf("attempts %v, want %v", attempts[:6], want)
	}
}

func TestKeysOfDifferentWorkDiffer(t *testing.T) {
	keys := map[string][3]string{}
	for _, names := range [][3]string{
		{"x", "yz", "p"}, {"xy", "z", "p"}, {"x", "y", "zp"}, {"x", "y:z", "p"}, {"x", "y", "z:p"},
	} {
		p := orchestrator.Pipeline{Name: names[1], Phases: []orchestrator.Phase{{
			Name: names[2], Run: func(_ context.Context, in orchestrator.Input) (any, error) {
				return in.IdempotencyKey, nil
			},
		}}}
		report, err := p.Run(t.Context(), orchestrator.Options{RunID: names[0]})
		if err != nil {
			t.Fatal(err)
		}
		key := string(report.Phases[0].Result)
		if other, taken := keys[key]; taken {
			t.Errorf("%q and %q have one key", names, other)
		}
		keys[key] = names
	}
}

func TestReportReadsBackFromItsJSON(t *testing.T) {
	p := pipeline(
		orchestrator.Phase{
			Name: "a", Run: flaky(2, errRefused),
			Recovery: &retry.Policy{BaseDelay: 333*time.Millisecond + 1, Multiplier: 1.7},
		},
		orchestrator.Phase{Name: "b", Run: ok(map[string]any{"n": int64(math.MaxInt64), "html": "<b>&"})},
		orchestrator.Phase{Name: "c", Run: fails(errors.New("a\xffb \u2028 \x00")), Fallback: ok([]int{1})},
		orchestrator.Phase{Name: "d", Run: fails(errRefused)},
		orchestrator.Phase{Name: "e", Run: ok(1)},
	)
	report, err := p.Run(retrytest.NoWait(t.Context()), recovering)
	if err == nil {
		t.Error("no error")
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back orchestrator.Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, report) {
		t.Errorf("got  %+v\nwant %+v", back, report)
	}
	equal(t, "statuses", statuses(back), "a=success b=success c=success d=failed e=skipped")
}

func TestDelaysInJSON(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		bad  bool
	}{
		{`{"attempt":1,"delay":2,"status":"error"}`, 2 * time.Second, false},
		{`{"attempt":1,"delay":0.25,"status":"error"}`, 250 * time.Millisecond, false},
		{`{"attempt":1,"delay":0,"status":"error"}`, 0, false},
		{`{"attempt":1,"delay":1e-9,"status":"error"}`, 1, false},
		{`{"attempt":1,"delay":-1,"status":"error"}`, 0, true},
		{`{"attempt":1,"delay":1e300,"status":"error"}`, 0, true},
		{`{"attempt":1,"delay":"2s","status":"error"}`, 0, true},
	} {
		var a orchestrator.RecoveryAttempt
		err := json.Unmarshal([]byte(c.text), &a)
		equal(t, c.text+" is refused", err != nil, c.bad)
		if c.bad {
			continue
		}
		equal(t, c.text, a.Delay, c.want)
		back, err := json.Marshal(a)
		if err != nil {
			t.Error(err)
		}
		equal(t, "back", string(back), c.text)
	}
}

func TestEveryDelayReadsBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		want := orchestrator.RecoveryAttempt{Delay: time.Duration(r.Int64N(int64(24 * time.Hour)))}
		got, _ := through(t, want)
		if got.Delay != want.Delay {
			t.Fatalf("got %v, want %v", got.Delay, want.Delay)
		}
	}
}
