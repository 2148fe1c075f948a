//go:build unix

package child

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/creack/pty"
	xterm "golang.org/x/term"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
)

// streams are the files that the command gets, and the pumps that read what it writes.
type streams struct {
	child  [3]*os.File
	opened []*os.File // those of child that are ours to close
	pumps  []*pump
	tails  [3]*tail // nil: nothing is kept
	// noTerminal says that no pseudo-terminal stands in for a terminal.
	noTerminal bool
}

func (c *Command) open() (e streams, err error) {
	defer func() {
		if err != nil {
			e.abort()
		}
	}()
	if e.child[0] = c.Stdin; c.Stdin == nil {
		if err = e.null(0, os.O_RDONLY); err != nil {
			return e, err
		}
	}
	e.noTerminal = c.TailPipe
	e.tails[1], e.tails[2] = newTail(c.StdoutTail), newTail(c.Tail)
	if err = e.output(1, c.Stdout); err != nil {
		return e, err
	}
	return e, e.output(2, c.Stderr)
}

func (e *streams) files() []*os.File { return e.child[:] }

func (e *streams) null(i, mode int) (err error) {
	if e.child[i], err = os.OpenFile(os.DevNull, mode, 0); err == nil {
		e.opened = append(e.opened, e.child[i])
	}
	return err
}

// output prepares stream i, which goes to w and, if there is one, also to its tail.
func (e *streams) output(i int, w io.Writer) error {
	file, isFile := w.(*os.File)
	keep := e.tails[i]
	switch {
	case keep == nil && w == nil:
		return e.null(i, os.O_WRONLY)
	case keep == nil && isFile:
		e.child[i] = file
		return nil
	}
	p := &pump{to: w, keep: keep, needed: i == 1, done: make(chan struct{})}
	var err error
	if isFile && !e.noTerminal && term.IsTerminal(file) {
		p.from, e.child[i], err = openTerminal()
		p.terminal = file
	}
	if p.from == nil { // w is no terminal, or there is no pseudo-terminal left
		p.from, e.child[i], err = os.Pipe()
		p.terminal = nil
	}
	if err != nil {
		return err
	}
	p.resize()
	e.opened = append(e.opened, e.child[i])
	e.pumps = append(e.pumps, p)
	return nil
}

// openTerminal makes a pseudo-terminal that does not change the text.
func openTerminal() (ours, theirs *os.File, err error) {
	if ours, theirs, err = pty.Open(); err != nil {
		return nil, nil, err
	}
	if _, err = xterm.MakeRaw(int(theirs.Fd())); err != nil {
		return nil, nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	return ours, theirs, nil
}

// pump starts the pumps. It closes this process's copies of the command's files, or there would be no end of file.
func (e *streams) pump() {
	e.closeChild()
	for _, p := range e.pumps {
		go p.run()
	}
}

func (e *streams) closeChild() {
	for _, f := range e.opened {
		_ = f.Close() // nothing was written to it
	}
	e.opened = nil
}

// abort closes the files of a command that did not start.
func (e *streams) abort() {
	e.closeChild()
	for _, p := range e.pumps {
		_ = p.from.Close() // nothing was read from it
	}
}

// finish returns when all has been read, after at most delay.
func (e *streams) finish(delay time.Duration) {
	until := time.Now().Add(delay)
	for _, p := range e.pumps {
		p.finish(until)
	}
}

// A pump reads what the command writes to one stream.
type pump struct {
	from     *os.File
	to       io.Writer // may be nil
	keep     *tail     // may be nil
	needed   bool      // the command gets a broken pipe when to fails
	terminal *os.File  // what from imitates; nil: from is a pipe
	size     pty.Winsize
	done     chan struct{}
}

func (p *pump) run() {
	defer close(p.done)
	if p.terminal != nil {
		defer unstopped()() // with tostop set, a write to the terminal from the background would stop this process
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := p.from.Read(buf)
		if n > 0 {
			p.resize()
			if p.keep != nil {
				_, _ = p.keep.Write(buf[:n]) // it never fails
			}
			if p.to != nil {
				if _, err := p.to.Write(buf[:n]); err != nil && (p.needed || errors.Is(err, syscall.EPIPE)) {
					_ = p.from.Close() // so that the command gets a broken pipe, too
					return
				}
			}
		}
		if err != nil { // the end of a pipe or of a terminal (EIO), or the deadline
			return
		}
	}
}

// resize gives the pseudo-terminal the size of the real one. The signal of a new size goes to the command and not to
// this process; but a command that draws in the new size writes it here.
func (p *pump) resize() {
	if p.terminal == nil {
		return
	}
	if size, err := pty.GetsizeFull(p.terminal); err == nil && *size != p.size {
		p.size = *size
		_ = pty.Setsize(p.from, size) // at worst the width is wrong
	}
}

// finish waits for the end of the stream, but not longer than until.
func (p *pump) finish(until time.Time) {
	if err := p.from.SetReadDeadline(until); err != nil { // some systems have none for terminals
		timer := time.AfterFunc(time.Until(until), func() { _ = p.from.Close() })
		defer timer.Stop()
	}
	<-p.done
	_ = p.from.Close() // it was only read
}
