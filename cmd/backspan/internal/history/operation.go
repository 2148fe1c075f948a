package history

import (
	"time"
)

// An Operation is one whose first attempt failed, as far as its log knows it.
type Operation struct {
	Name    string
	Parent  string // the operation around it; empty at depth 0
	Depth   int    // how many retry loops are around its own
	Phase   string
	Command string // what backspan exec ran; empty: it was not exec

	Service, Host string
	PID           int
	Session       string
	Trace         string // 32 hex digits; empty: unknown

	Start      time.Time     // when its first attempt began; the first that is known, if it is not Begun
	Took       time.Duration // from Start to its end; to the end of the last attempt that is known, if it is cut
	Attempts   []Attempt     // at least one, in their order
	MaxRetries int           // of its policy; -1: no limit, or unknown
	MaxElapsed time.Duration // of its policy; 0: no limit, or unknown
	Outcome    string        // a retry.outcome, for example recovered or exhausted; empty: cut, so that nobody knows
	Begun      bool          // Attempts begins with the first
}

// An Attempt is one attempt of an Operation.
type Attempt struct {
	Number    int
	Begin     time.Duration // since the operation's Start
	Took      time.Duration
	Wait      time.Duration // that was planned before it
	NextWait  time.Duration // likewise after it; -1: none
	Asked     time.Duration // what the server asked to wait after it; 0: nothing
	Failed    bool
	ErrorType string // empty: unknown, or it succeeded
	Error     string // the text, cut to maxText bytes
}

// End is when the attempt ended, since the operation's Start.
func (a *Attempt) End() time.Duration { return a.Begin + a.Took }

// Last is the last attempt that is known.
func (o *Operation) Last() *Attempt { return &o.Attempts[len(o.Attempts)-1] }

// Whole says whether the operation is known from its begin to its end.
func (o *Operation) Whole() bool { return o.Begun && o.Outcome != "" }

// Succeeded says whether the operation recovered.
func (o *Operation) Succeeded() bool { return o.Outcome != "" && !o.Last().Failed }

// OtherOperations is the name in the tallies of all operations of a process beyond the first 100.
const OtherOperations = "(other)"

// A Tally is how many operations succeeded at their first attempt in a window of time.
type Tally struct {
	Name, Parent  string
	Depth         int
	Service, Host string
	PID           int
	Session       string

	Begin, End time.Time // an operation counts when it ends
	Successes  int64
	Durations  []Count // how long they took, the shortest first; of all Successes, or of none when it is not known
}

// A Count is how many operations of a Tally had a length, as in semconv.DurationBounds.
type Count struct {
	Length int
	N      int64
}
