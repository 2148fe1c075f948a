package replay

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// pairs are a policy that is recorded and one that is replayed.
var pairs = []struct{ recorded, asked Policy }{
	{Policy{}, Policy{Retry: retry.Policy{MaxRetries: retry.Never}}},
	{Policy{}, Policy{Retry: retry.Policy{MaxRetries: 2}}},
	{Policy{}, Policy{Retry: retry.Policy{MaxRetries: 2, Jitter: retry.FullJitter}}},
	{Policy{}, Policy{Retry: retry.Policy{BaseDelay: 250 * ms, Jitter: retry.FullJitter}}},
	{Policy{}, Policy{Budget: 10}},
	{
		Policy{Retry: retry.Policy{MaxRetries: 5}},
		Policy{Retry: retry.Policy{MaxRetries: 4, BaseDelay: 500 * ms}},
	},
	{Policy{Retry: retry.Policy{MaxRetries: 6, Jitter: retry.FullJitter}}, Policy{}},
	{
		Policy{Retry: retry.Policy{MaxRetries: 5, BaseDelay: 500 * ms, Jitter: retry.EqualJitter}},
		Policy{Retry: retry.Policy{BaseDelay: 300 * ms, MaxDelay: 3 * time.Second, Jitter: retry.DecorrelatedJitter}},
	},
}

// brief is a policy in few words, for a table.
func brief(p Policy) string {
	text := strings.ReplaceAll(p.Retry.String(), " ×2 up to 30s", "")
	if p.Budget > 0 {
		text += fmt.Sprintf(", budget %d", p.Budget)
	}
	return text
}

// scores are how a figure of all replays compared with what came true.
type scores struct {
	cases, within, bounds, held int
	mean, worst                 float64 // error of the estimates: in points, or as a share of what came true
}

func (s *scores) add(i int, f Figure, real float64) {
	switch f.Bound {
	case NotKnown:
		return
	case AtMost, AtLeast:
		s.bounds++
		slack := max(0.05*f.Value, 1) // of figures that are at random
		if i == 0 {
			slack = 0.005
		}
		if f.Bound == AtMost && real <= f.Value+slack || f.Bound == AtLeast && real >= f.Value-slack {
			s.held++
		}
		return
	}
	s.cases++
	if real >= f.Low-1e-9 && real <= f.High+1e-9 {
		s.within++
	}
	wrong := math.Abs(f.Value - real)
	if i > 0 && wrong > 0 {
		wrong /= max(real, 1e-9)
	}
	s.mean += (wrong - s.mean) / float64(s.cases)
	s.worst = max(s.worst, wrong)
}

// show is a figure beside what came true.
func show(i int, was float64, f Figure, real float64) string {
	sign := map[string]string{AtMost: "≤ ", AtLeast: "≥ "}[f.Bound]
	if f.Bound == NotKnown {
		return "unknown"
	}
	if i == 0 {
		return fmt.Sprintf("%.2f → %s%.2f / %.2f", 100*was, sign, 100*f.Value, 100*real)
	}
	return fmt.Sprintf("%.3g → %s%.3g / %.3g", was, sign, f.Value, real)
}

// truth is what comes of a policy when it is really run. Where its waits are at random, that is the mean of some runs:
// one alone is off by the luck of a few hundred waits.
func (w world) truth(t *testing.T, p Policy, most int) *Figures {
	t.Helper()
	runs := 1
	if p.Retry.Jitter != retry.NoJitter {
		runs = max(1, min(most, int(100/w.rate)))
	}
	mean := &Figures{}
	for range runs {
		l, err := counted(w.record(t, p), 1, func(*site) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range l.Recorded.list() {
			mean.list()[i].Value += f.Value / float64(runs)
		}
	}
	return mean
}

// A policy is recorded, another one is replayed from that log as it was written, and then really run. The short form
// has one rate; BACKSPAN_FULL=1 prints the tables of docs/whatif.md (minutes).
func TestReplaysComeTrue(t *testing.T) {
	rates, runs := []float64{5}, 3
	if os.Getenv("BACKSPAN_FULL") != "" {
		rates, runs = []float64{2, 20, 200}, 10
	}
	var table, summary strings.Builder
	var all [8]scores
	refused, bounded := 0, 0
	for _, w := range worlds {
		for _, rate := range rates {
			w.rate = rate
			var here [8]scores
			truths := map[string]*Figures{}
			for _, pair := range pairs {
				fmt.Fprintf(&table, "| %s | %v | %s | %s |", w.name, rate, brief(pair.recorded), brief(pair.asked))
				log, err := New(w.record(t, pair.recorded), 1)
				if err == nil && log.Load != nil {
					bounded++
				}
				if err == nil && (log.Load != nil) != (w.holds > 0) {
					t.Errorf("%s, %v a second, %v: load is %v", w.name, rate, pair.recorded, log.Load)
				}
				var answer *Answer
				if err == nil {
					answer, err = log.Ask(pair.asked)
				}
				if err != nil {
					refused++
					fmt.Fprintf(&table, " refused: %v |\n", err)
					continue
				}
				if answer.Unknown != nil {
					t.Errorf("%s, %v a second, %v → %v: no evidence past %v", w.name, rate, pair.recorded, pair.asked,
						answer.Unknown.After)
					continue
				}
				key := pair.asked.String()
				if truths[key] == nil {
					truths[key] = w.truth(t, pair.asked, runs)
				}
				for i, f := range answer.Figures.list() {
					real := truths[key].list()[i].Value
					all[i].add(i, *f, real)
					here[i].add(i, *f, real)
					fmt.Fprintf(&table, " %s |", show(i, log.Recorded.list()[i].Value, *f, real))
				}
				table.WriteString("\n")
			}
			if here[0].cases == 0 {
				continue
			}
			fmt.Fprintf(&summary, "| %s | %v |", w.name, rate)
			for _, one := range here {
				fmt.Fprintf(&summary, " %.2f / %.2f |", 100*one.mean, 100*one.worst)
			}
			summary.WriteString("\n")
			if limit := map[float64]float64{2: 0.03, 5: 0.02}[rate]; here[0].worst > max(limit, 0.01) {
				t.Errorf("%s, %v a second: a success rate is wrong by %.4f", w.name, rate, here[0].worst)
			}
		}
	}
	t.Logf("errors, mean / worst: of the success rate in points, of the others in %% of what came true\n%s", &summary)
	t.Logf("recorded → replayed / real\n%s", &table)
	for i, s := range all {
		t.Logf("%s: %d of %d within the interval; %d of %d bounds hold", names[i], s.within, s.cases, s.held, s.bounds)
		if s.within*10 < s.cases*9 || s.held*10 < s.bounds*9 {
			t.Errorf("%s: want 90 %% within", names[i])
		}
	}
	if t.Logf("%d refused, %d bounded", refused, bounded); refused > len(rates)*3 || bounded < len(rates)*4 {
		t.Errorf("%d were refused and %d bounded", refused, bounded)
	}
}

// Where failures came with load, a policy with more calls is not praised for what it would have got at the old load.
func TestMoreCallsUnderLoad(t *testing.T) {
	w := worlds[4]
	w.rate = 20
	log, err := New(w.record(t, Policy{Retry: retry.Policy{MaxRetries: 1}}), 1)
	if err != nil {
		t.Fatal(err)
	}
	more := Policy{Retry: retry.Policy{MaxRetries: 3, BaseDelay: 100 * ms}}
	answer, err := log.Ask(more)
	if err != nil || answer.Unknown != nil {
		t.Fatalf("got %+v, %v", answer, err)
	}
	f, real := answer.Figures, w.truth(t, more, 1)
	if f.Success.Bound != AtMost || f.Calls.Bound != AtLeast || real.Success.Value > f.Success.Value ||
		real.Calls.Value < f.Calls.Value {
		t.Errorf("success %+v, real %.4f; calls %+v, real %.3f",
			f.Success, real.Success.Value, f.Calls, real.Calls.Value)
	}
	if _, err := log.Ask(Policy{Retry: retry.Policy{MaxRetries: 1, BaseDelay: 900 * ms}}); err == nil {
		t.Error("a policy with about as many calls has a bound")
	}
}

// What no log can tell is not answered.
func TestWhatIsNotAnswered(t *testing.T) {
	w := worlds[0]
	w.rate = 20
	log, err := New(w.record(t, Policy{}), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Policy{
		"more retries": {Retry: retry.Policy{MaxRetries: 5}},
		"longer waits": {Retry: retry.Policy{MaxRetries: 1, BaseDelay: 10 * time.Second}},
	} {
		answer, err := log.Ask(p)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Unknown == nil || answer.Unknown.After.Round(time.Second) != 7*time.Second ||
			answer.Unknown.Operations < 50 || answer.Figures != (Figures{}) {
			t.Errorf("%s: got %+v, %+v", name, answer.Unknown, answer.Figures)
		}
	}
	for limit, what := range map[time.Duration]string{
		time.Second: "what attempts would have done that were given more time",
		15 * ms:     "that succeeded at once",
	} {
		_, err := log.Ask(Policy{Retry: retry.Policy{AttemptTimeout: limit}})
		if e, ok := errors.AsType[*Unanswerable](err); !ok || !strings.Contains(e.Why, what) {
			t.Errorf("a timeout of %v: got %v", limit, err)
		}
	}
}
