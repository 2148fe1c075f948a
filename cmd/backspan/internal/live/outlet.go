package live

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// An outlet is the goroutine that writes for a Live, and what waits to be written.
type outlet struct {
	w      io.Writer // where it writes
	own    io.Closer // w when it is the outlet's own, to be closed; else nil
	after  io.Writer // where write goes once it stopped
	screen screen
	frame  func(columns, rows int) []*term.Line

	wake chan struct{} // something is queued
	quit chan struct{} // stop was called
	done chan struct{} // the goroutine ended

	mu      sync.Mutex
	queue   []byte
	partial []byte        // the beginning of a line
	dropped int           // lines
	taken   chan struct{} // closed when the queue was taken
	said    int           // how often something was queued
	wrote   int           // said, when what has been written was taken
	written chan struct{} // closed when something was written
	outletState
}

type outletState struct {
	stuck    bool // somebody waited in vain for the queue to be taken, and nothing was written since
	stopping bool // stop was called
	ended    bool // the goroutine took the last of the queue
	late     bool // stop did not wait for the goroutine any longer: others may write already
	broken   bool // w is closed
}

const (
	frameTime = 100 * time.Millisecond
	maxQueued = 1 << 20 // bytes
	// How long a Write waits for the queue to be taken, and Stop for the goroutine.
	patience = time.Second
)

func newOutlet(w io.Writer, s screen, frame func(columns, rows int) []*term.Line) *outlet {
	o := &outlet{
		w:      w,
		after:  w,
		screen: s,
		frame:  frame,
		wake:   make(chan struct{}, 1),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
		taken:  make(chan struct{}),

		written: make(chan struct{}),
	}
	if own := ownFile(w); own != nil {
		o.w, o.own = own, own
	}
	go o.run()
	return o
}

func (o *outlet) run() {
	defer close(o.done)
	if o.own != nil {
		// Nothing was written that a close could lose.
		defer func() { _ = o.own.Close() }()
	}
	var tick <-chan time.Time
	if o.screen.options.Redraw {
		ticker := time.NewTicker(frameTime)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-o.wake:
			o.flush()
		case <-tick:
			o.flush()
		case <-o.quit:
			o.flush()
			return
		}
	}
}

// flush writes what is queued and draws what is to be seen.
func (o *outlet) flush() {
	// A mistake in a drawing, or in the program's own writer, must not end the program.
	defer func() {
		if recover() != nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.broken, o.queue = true, nil
		}
	}()
	text, said, state := o.take()
	defer o.wroteAll(said)
	var b []byte
	switch {
	case state.broken:
		return
	case state.late || !o.screen.options.Redraw:
		b = text
	default:
		columns, rows := o.screen.options.Size()
		var lines []*term.Line
		if !state.ended {
			lines = o.frame(columns, rows)
		}
		b = o.screen.update(columns, text, lines)
	}
	if len(b) == 0 {
		return
	}
	_, err := o.w.Write(b)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stuck = false
	if err != nil {
		o.broken, o.queue = true, nil
	}
}

// take takes what is queued, and wakes those who wait for that.
func (o *outlet) take() (out []byte, said int, state outletState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, o.queue = o.queue, nil
	if o.stopping && len(o.partial) > 0 {
		out, o.partial = append(append(out, o.partial...), '\n'), nil
	}
	if o.dropped > 0 && !o.broken {
		out = fmt.Appendf(out, "(%s not shown here: too many at once)\n",
			text.Plural(o.dropped, "line was", "lines were"))
		o.dropped = 0
	}
	o.ended = o.stopping
	close(o.taken)
	o.taken = make(chan struct{})
	return out, o.said, o.outletState
}

// wroteAll wakes those who wait until what was queued by the said-th time is written.
func (o *outlet) wroteAll(said int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrote = said
	close(o.written)
	o.written = make(chan struct{})
}

// settle waits until what is queued is written, but not for ever.
func (o *outlet) settle() {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for said := o.said; o.wrote < said && !o.stuck && !o.broken && !o.ended; {
		written := o.written
		o.mu.Unlock()
		select {
		case <-written:
			o.mu.Lock()
		case <-timer.C:
			o.mu.Lock()
			o.stuck = o.wrote < said // the next one need not wait
			return
		}
	}
}

// say queues complete lines without ever waiting.
func (o *outlet) say(lines []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.enqueue(lines)
}

func (o *outlet) enqueue(lines []byte) {
	switch {
	case o.broken || o.ended:
	case o.full(len(lines)):
		o.dropped += bytes.Count(lines, []byte("\n"))
	default:
		o.queue = append(o.queue, lines...)
		o.said++
	}
	select {
	case o.wake <- struct{}{}:
	default: // it is awake
	}
}

// full reports whether n more bytes do not fit. However long, one piece fits into an empty queue.
func (o *outlet) full(n int) bool { return len(o.queue) > 0 && len(o.queue)+n > maxQueued }

// awaitTaken waits until n bytes fit, but not for ever. o.mu is locked before and after.
func (o *outlet) awaitTaken(n int) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for o.full(n) && !o.stuck && !o.broken {
		taken := o.taken
		o.mu.Unlock()
		select {
		case <-taken:
		case <-timer.C:
			o.mu.Lock()
			o.stuck = o.full(n) // the next one need not try
			return
		}
		o.mu.Lock()
	}
}

func (o *outlet) write(p []byte) (int, error) {
	if lines, queued := o.cutLines(p); !queued {
		return o.writeAfter(p, lines)
	}
	return len(p), nil
}

// cutLines queues the complete lines of what was written so far. When the goroutine is about to end or did, they are
// returned instead.
func (o *outlet) cutLines(p []byte) (lines []byte, queued bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopping {
		return p, false
	}
	o.partial = append(o.partial, p...)
	end := bytes.LastIndexByte(o.partial, '\n') + 1
	if end == 0 && len(o.partial) > maxQueued {
		o.partial = append(o.partial, '\n') // a line without end
		end = len(o.partial)
	}
	if end == 0 {
		return nil, true
	}
	lines = bytes.Clone(o.partial[:end])
	o.partial = bytes.Clone(o.partial[end:])
	o.awaitTaken(len(lines))
	if o.ended {
		return lines, false
	}
	o.enqueue(lines)
	return nil, true
}

// writeAfter writes lines, the rest of p, once nothing is drawn any more. Where nothing could be written before, it
// does not try.
func (o *outlet) writeAfter(p, lines []byte) (int, error) {
	o.mu.Lock()
	late := o.late
	o.mu.Unlock()
	if !late {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-o.done:
		case <-timer.C:
		}
	}
	o.mu.Lock()
	broken := o.broken
	o.mu.Unlock()
	if !broken {
		if _, err := o.after.Write(lines); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// stop ends the goroutine, and waits until it did, but not for ever.
func (o *outlet) stop(ctx context.Context) {
	o.mu.Lock()
	first := !o.stopping
	o.stopping = true
	o.mu.Unlock()
	if first {
		close(o.quit)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-o.done:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	o.mu.Lock()
	o.late = true
	o.mu.Unlock()
	// Pipes and sockets can be told to let go; a terminal that was stopped with Ctrl-S cannot.
	if f, ok := o.w.(interface{ SetWriteDeadline(time.Time) error }); ok && f.SetWriteDeadline(time.Now()) == nil {
		<-o.done
	}
}
