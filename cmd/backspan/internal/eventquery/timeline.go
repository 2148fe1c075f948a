package eventquery

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/events"
)

// A Timeline counts failures and waits by pieces of time. One is for one goroutine; see Counter.
type Timeline struct {
	step   time.Duration
	zone   *time.Location
	pieces map[int64]*Piece // by their beginning in Unix nanoseconds
	full   bool
}

// A Piece is what happened in one piece of time.
type Piece struct {
	Begin   time.Time `json:"begin"`
	Failed  int64     `json:"failed"`   // attempts of operations
	GivenUp int64     `json:"given_up"` // operations
	Waited  float64   `json:"waited"`   // seconds planned before the retries and recoveries that were made
}

// MaxPieces is how many pieces of time a Timeline has at most.
const MaxPieces = 10_000

// ErrTooManyPieces says that the pieces are too short for the log.
var ErrTooManyPieces = errors.New("too many pieces of time")

// ParseStep reads how long the pieces of time are.
func ParseStep(text string) (time.Duration, error) {
	step, err := parseAgo(text)
	if err != nil || step < time.Second {
		return 0, fmt.Errorf("%q is no length of time of a second or more, want for example 1h, 10m or 1d", text)
	}
	return step, nil
}

// NewTimeline returns a Timeline of pieces that begin when a clock in zone shows a multiple of step.
func NewTimeline(step time.Duration, zone *time.Location) *Timeline {
	return &Timeline{step: step, zone: zone, pieces: map[int64]*Piece{}}
}

// Fork returns a Timeline like t that has seen nothing.
func (t *Timeline) Fork() *Timeline { return NewTimeline(t.step, t.zone) }

// Add counts one record.
func (t *Timeline) Add(l *events.Line) {
	at, ok := l.Time()
	if !ok || t.full || dryRun(l) {
		return
	}
	switch kind := l.Type(); {
	case kind.Is(events.TypeAttempt):
		t.wait(l, at)
		if p := t.piece(at); p != nil {
			p.Failed++
			if !l.Detail(events.KeyResult).Is("retrying") {
				p.GivenUp++
			}
		}
	case kind.Is(events.TypeRecovered), kind.Is(events.TypeRecovery):
		t.wait(l, at)
	case kind.Is(events.TypeStopped):
		if p := t.piece(at); p != nil && !session.AttemptEnded(l) {
			p.GivenUp++
		}
	}
}

// piece is that of a time; nil when there are too many.
func (t *Timeline) piece(at time.Time) *Piece {
	_, offset := at.In(t.zone).Zone()
	local := at.Add(time.Duration(offset) * time.Second)
	begin := local.Truncate(t.step).Add(-time.Duration(offset) * time.Second)
	p := t.pieces[begin.UnixNano()]
	if p == nil {
		if len(t.pieces) >= MaxPieces {
			t.full = true
			return nil
		}
		p = &Piece{Begin: begin.In(t.zone)}
		t.pieces[begin.UnixNano()] = p
	}
	return p
}

// wait adds the wait before the attempt that ended at a time to the pieces in which it was.
func (t *Timeline) wait(l *events.Line, ended time.Time) {
	delay, ok := l.Detail(events.KeyDelay).Float()
	if !ok || delay <= 0 || delay >= maxWait {
		return
	}
	took, _ := l.Detail(events.KeyDuration).Float()
	end := ended.Add(-span(took))
	for at := end.Add(-span(delay)); at.Before(end); {
		p := t.piece(at)
		if p == nil {
			return
		}
		next := p.Begin.Add(t.step)
		if next.After(end) {
			next = end
		}
		p.Waited += next.Sub(at).Seconds()
		at = next
	}
}

// span is so many seconds, within reason.
func span(seconds float64) time.Duration {
	return time.Duration(math.Round(max(0, min(seconds, maxWait/10)) * float64(time.Second)))
}

// Merge adds what other counted, which is not to be used any more.
func (t *Timeline) Merge(other *Timeline) {
	t.full = t.full || other.full
	for begin, p := range other.pieces {
		known := t.pieces[begin]
		if known == nil {
			t.pieces[begin] = p
			continue
		}
		known.Failed += p.Failed
		known.GivenUp += p.GivenUp
		known.Waited += p.Waited
	}
}

// Pieces are all pieces of time from the first in which something happened to the last.
func (t *Timeline) Pieces() (*Pieces, error) {
	list := make([]Piece, 0, len(t.pieces))
	for _, p := range t.pieces {
		p.Waited = micros(p.Waited)
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b Piece) int { return a.Begin.Compare(b.Begin) })
	whole := &Pieces{Step: t.step.Seconds(), Pieces: []Piece{}}
	for _, p := range list {
		for n := len(whole.Pieces); n > 0; n = len(whole.Pieces) { // those in between in which nothing happened
			next := whole.Pieces[n-1].Begin.Add(t.step)
			if !next.Before(p.Begin) || n >= MaxPieces {
				break
			}
			whole.Pieces = append(whole.Pieces, Piece{Begin: next})
		}
		whole.Pieces = append(whole.Pieces, p)
	}
	if t.full || len(whole.Pieces) > MaxPieces {
		return nil, ErrTooManyPieces
	}
	return whole, nil
}

// Pieces are the answer of a Timeline.
type Pieces struct {
	Step   float64 `json:"step"` // seconds
	Pieces []Piece `json:"pieces"`
}

// Write draws the pieces for a person: on a terminal with a bar for the time that was waited.
func (p *Pieces) Write(w io.Writer, style Style) error {
	var b strings.Builder
	g := p.grid(style)
	const narrowest = 10 // of a bar that says something
	if _, numbers := g.widths(); len(p.Pieces) > 0 && style.Width >= numbers+gap+narrowest {
		longest := slices.MaxFunc(p.Pieces, func(a, b Piece) int { return cmp.Compare(a.Waited, b.Waited) }).Waited
		g.columns = append(g.columns, column{title: " "}) // of the bars
		for i := range p.Pieces {
			bar := style.bar(p.Pieces[i].Waited, longest, style.Width-numbers-gap)
			g.rows[i] = append(g.rows[i], cell{shown: bar})
		}
	}
	g.write(&b, style)
	b.WriteString("\nWaits are as planned, also those of phases, without those that were cut short.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// CSV writes the pieces for programs.
func (p *Pieces) CSV(w io.Writer) error { return p.grid(Style{}).csv(w) }

func (p *Pieces) grid(style Style) *grid {
	g := &grid{columns: []column{
		{name: "begin", title: "FROM"},
		{"failed", "FAILED", true, 0},
		{"given_up", "GIVEN UP", true, 1},
		{"waited_seconds", "WAITED", true, 0},
	}}
	for i := range p.Pieces {
		piece := &p.Pieces[i]
		g.rows = append(g.rows, []cell{
			{piece.Begin.In(style.zone()).Format("2006-01-02 15:04:05Z07:00"), piece.Begin.Format(time.RFC3339)},
			number(piece.Failed), number(piece.GivenUp), seconds(piece.Waited),
		})
	}
	return g
}

// bar is value as a bar of at most width columns, which is as long as most is.
func (s Style) bar(value, most float64, width int) string {
	if value <= 0 || most <= 0 {
		return ""
	}
	eighths := max(1, int(math.Round(value/most*float64(8*width))))
	if s.ASCII {
		return strings.Repeat("#", (eighths+7)/8)
	}
	const parts = "▏▎▍▌▋▊▉"
	bar := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		bar += string([]rune(parts)[part-1])
	}
	return bar
}

// dryRun says whether l tells of a dry run, in which nothing was done.
func dryRun(l *events.Line) bool { return l.Detail(events.KeyDryRun).Is("true") }
