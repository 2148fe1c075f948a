package replay

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

type attemptOf = history.Attempt

// An Answer is what another policy would have done.
type Answer struct {
	Figures Figures
	Unknown *NoEvidence // not nil: the log has no evidence for what the policy would have done, and Figures are zero
}

// NoEvidence is that attempts would have been made at an age at which the log saw none.
type NoEvidence struct {
	After      time.Duration // the oldest age that was seen
	Operations int           // that would have had later attempts
	last       *call
}

func (n *NoEvidence) Error() string {
	return fmt.Sprintf("no evidence past %s: %s would have had later attempts, and no operation of the log that "+
		"failed so was tried so late",
		text.Duration(n.After), text.Plural(int64(n.Operations), "operation", "operations"))
}

func (n *NoEvidence) add(s *state, oldest float64) {
	n.After = max(n.After, length(oldest))
	if n.last != s.call {
		n.last = s.call
		n.Operations++
	}
}

// An Unanswerable says why a policy cannot be replayed.
type Unanswerable struct{ Why string }

func (e *Unanswerable) Error() string { return e.Why }

// Ask replays the log with another policy. The error is an *Unanswerable.
func (l *Log) Ask(p Policy) (*Answer, error) {
	if err := l.timeout(p.Retry.AttemptTimeout); err != nil {
		return nil, err
	}
	p.Retry = p.Retry.WithDefaults()
	unknown := &NoEvidence{}
	runs, err := l.replays(func(*call) *Policy { return &p }, unknown)
	if err != nil {
		return nil, err
	}
	if unknown.Operations > 0 {
		unknown.Operations = (unknown.Operations + len(runs) - 1) / len(runs)
		return &Answer{Unknown: unknown}, nil
	}
	a := &Answer{Figures: l.estimate(runs)}
	return a, l.bound(&a.Figures, p)
}

// timeout refuses limits of attempts of which the log knows nothing.
func (l *Log) timeout(limit time.Duration) error {
	if limit == 0 {
		return nil
	}
	if limit >= l.longest {
		return &Unanswerable{fmt.Sprintf("attempt_timeout is %s, want less than the longest attempt in the log, %s: "+
			"what attempts would have done that were given more time is in no record",
			text.Duration(limit), text.Duration(l.longest))}
	}
	cut := int64(0)
	for _, s := range l.sites {
		for _, t := range s.tallies {
			for _, c := range t.Durations {
				if lengthOf(c.Length) > limit.Seconds() {
					cut += c.N
				}
			}
		}
	}
	if cut > 0 {
		return &Unanswerable{fmt.Sprintf("attempt_timeout %s would have cut about %s that succeeded at once: "+
			"what their retries would have done is in no record",
			text.Duration(limit), text.Plural(cut, "operation", "operations"))}
	}
	return nil
}

// How often a log is replayed: often enough that chance does not matter, and not for minutes.
const (
	leastReplays = 5
	mostReplays  = 20
	mostCalls    = 1_000_000
)

func (l *Log) replays(policyOf func(*call) *Policy, unknown *NoEvidence) ([][]*block, error) {
	n := max(leastReplays, min(mostReplays, mostCalls/len(l.calls)))
	runs := make([][]*block, n)
	for i := range runs {
		if unknown != nil {
			unknown.last = nil
		}
		random := rand.New(rand.NewPCG(l.seed, uint64(i))) //nolint:gosec // no secret
		var err error
		if runs[i], err = l.replay(policyOf, random, unknown); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// resamples is how often the bootstrap draws a log.
const resamples = 400

// estimate is the mean of the replays. Its interval is that of a block bootstrap: what happened in one minute belongs
// together, so whole minutes are drawn, each time from another replay.
func (l *Log) estimate(runs [][]*block) Figures {
	var mean [8]float64
	f := figuresOf(runs[0])
	for _, blocks := range runs {
		one := figuresOf(blocks)
		for i, v := range one.list() {
			mean[i] += v.Value / float64(len(runs))
		}
	}
	random := rand.New(rand.NewPCG(l.seed, math.MaxUint64)) //nolint:gosec // no secret
	var drawn [8][]float64
	for i := range resamples {
		blocks, all := runs[i%len(runs)], &block{}
		for range l.blocks {
			all.merge(blocks[random.IntN(len(blocks))])
		}
		for k, v := range all.values() {
			drawn[k] = append(drawn[k], v)
		}
	}
	for i, v := range f.list() {
		slices.Sort(drawn[i])
		v.Value = mean[i]
		v.Low = min(v.Value, drawn[i][resamples*25/1000])
		v.High = max(v.Value, drawn[i][resamples-1-resamples*25/1000])
	}
	for _, v := range []*Figure{&f.P50, &f.P95, &f.P99} {
		v.Low, v.High = v.Low/l.widthAt(v.Low), v.High*l.widthAt(v.High)
	}
	// Which second is the busiest is chance, of which drawing minutes knows nothing: calls come at random.
	spread := 2 * math.Sqrt(f.Peak.Value)
	f.Peak.Low = max(0, min(f.Peak.Low, f.Peak.Value-spread))
	f.Peak.High = max(f.Peak.High, f.Peak.Value+spread)
	return f
}

// A Mismatch says that the replay of the recorded policies does not give what was counted, so that no replay of this
// log can be trusted.
type Mismatch struct {
	Figure  string
	Counted float64
	Given   Figure
}

func (e *Mismatch) Error() string {
	return fmt.Sprintf("the replay of the recorded policy gives %s %.4g (%.4g to %.4g), and %.4g was counted: "+
		"the log does not follow the model", e.Figure, e.Given.Value, e.Given.Low, e.Given.High, e.Counted)
}

var names = [8]string{
	"success rate", "calls per operation", "p50", "p95", "p99", "time waiting", "peak calls per second", "wasted calls",
}

// check replays what was recorded.
func (l *Log) check() error {
	runs, err := l.replays(func(c *call) *Policy { return c.policy }, nil)
	if err != nil {
		return fmt.Errorf("the recorded policy cannot be replayed: %w", err)
	}
	l.Checked = l.estimate(runs)
	for i, given := range l.Checked.list() {
		counted := l.Recorded.list()[i].Value
		if tolerance := 0.005 * math.Abs(counted); counted < given.Low-tolerance || counted > given.High+tolerance {
			return &Mismatch{names[i], counted, *given}
		}
	}
	return nil
}
