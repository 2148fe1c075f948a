package events

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The disk freezes: a write to it does not return. One caller waits for it, and no other for as long as 1 ms: 16
// goroutines write 200 records each. (The first that finds the queue full waits until the disk is known to be stalled,
// and on a busy machine one Write of 100 may wait longer, for a processor.) What does not fit into the queue is dropped
// and counted, which is told while the disk hangs. The second time is within the same minute, so Close tells how many
// both times made. When the disk comes back, what was in the queue is written, in order.
func TestFrozenDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	var told []error // on the goroutine of this test: nobody else drops anything
	w := open(t, d.path, Options{Service: "billing", OnError: func(err error) { told = append(told, err) }})
	const writers, n = 16, 200
	offered := 0
	for round := 1; round <= 2; round++ {
		d.tell(t, "freeze")
		var stuck sync.WaitGroup
		stuck.Go(func() { w.Write(numbered(writers, round, 700)) })
		d.tell(t, "hangs")
		before := w.Dropped()
		took, fit := writeFrozen(w, writers, n, (round-1)*n)
		offered += 1 + writers*n
		if dropped := int(w.Dropped() - before); dropped != writers*n-fit {
			t.Errorf("%d dropped, want %d", dropped, writers*n-fit)
		}
		if len(told) != 1 || !errors.Is(told[0], errFull) {
			t.Errorf("round %d: told %v while the disk hangs, want it once in this minute", round, told)
		}
		d.tell(t, "thaw")
		stuck.Wait()
		if err := w.Flush(); err != nil {
			t.Error("Flush:", err)
		}
		slices.Sort(took)
		t.Logf("the slowest of %d Writes took %v", len(took), took[len(took)-1])
		if most := took[len(took)*99/100]; most >= time.Millisecond {
			t.Errorf("99 of 100 Writes took up to %v, want less than 1ms", most)
		}
	}
	balanced(t, w, offered, d.path)
	inOrder(t, d.path)
	if len(told) != 2 || toldLost(told) != w.Dropped() {
		t.Errorf("told %v, want on Close that %d are lost", told, w.Dropped())
	}
}

// writeFrozen writes n records of each writer, one after another. It returns how long each Write took, and how many
// lines fit into the queue.
func writeFrozen(w *Writer, writers, n, from int) (took []time.Duration, fit int) {
	free := maxQueue
	for i := range n {
		for writer := range writers {
			r := numbered(writer, from+i, 700)
			if size := len(lineOf(w, r)); size <= free {
				free -= size
				fit++
			}
			start := time.Now()
			w.Write(r)
			took = append(took, time.Since(start))
		}
	}
	return took, fit
}

// While the disk is frozen, goroutines that write at the same time all come back but for one, also when there are more
// of them than the queue has room for.
func TestAFrozenDiskHoldsUpOneCaller(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	frozenFor(t, mountFaulty(t), 64, 600)
	frozenFor(t, mountFaulty(t), 2_000, 1_500)
}

// frozenFor has so many writers write a line of about size bytes to a frozen disk.
func frozenFor(t *testing.T, d *faultyDisk, writers, size int) {
	w := open(t, d.path, Options{})
	d.tell(t, "freeze")
	back := make(chan int, writers)
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			w.Write(numbered(writer, 0, size))
			back <- writer
		})
	}
	d.tell(t, "hangs")
	for range writers - 1 {
		<-back
	}
	select {
	case writer := <-back:
		t.Errorf("all callers came back from a frozen disk, writer %d last", writer)
	default:
	}
	d.tell(t, "thaw")
	all.Wait()
	balanced(t, w, writers, d.path)
	if all := uint64(writers * size); w.Dropped() == 0 && all > maxQueue || w.Dropped() > 0 && all < maxQueue {
		t.Errorf("%d lines of %d bytes in all dropped, want what is over %d", w.Dropped(), all, maxQueue)
	}
}

// Every write takes 20 ms. 8 goroutines write 50 records each in far less than 400 writes would take, and in order.
func TestSlowDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	d.tell(t, "slow", 20)
	w := open(t, d.path, Options{})
	const writers, n = 8, 50
	start := time.Now()
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for i := range n {
				w.Write(numbered(writer, i, 0))
			}
		})
	}
	all.Wait()
	if err := w.Flush(); err != nil {
		t.Error("Flush:", err)
	}
	if took, most := time.Since(start), writers*n*20*time.Millisecond/2; took > most {
		t.Errorf("it took %v, want less than %v", took, most)
	}
	balanced(t, w, writers*n, d.path)
	inOrder(t, d.path)
	if w.Dropped() != 0 {
		t.Errorf("%d dropped, want 0", w.Dropped())
	}
}

// Flush and Close wait for a frozen disk no longer than DrainTimeout. Close counts what it gives up, and the log
// reports it when the disk comes back.
func TestCloseOnAFrozenDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	d.tell(t, "freeze")
	const limit = 50 * time.Millisecond
	w := open(t, d.path, Options{DrainTimeout: limit})
	var stuck sync.WaitGroup
	stuck.Go(func() { w.Write(numbered(0, 0, 0)) })
	d.tell(t, "hangs")
	for i := range 10 {
		w.Write(numbered(0, i+1, 0))
	}
	within := func(what string, do func() error) {
		start := time.Now()
		err := do()
		if took := time.Since(start); !errors.Is(err, errSlow) || !strings.Contains(err.Error(), ": 10") ||
			took > limit+time.Second {
			t.Errorf("%s took %v and said %v, want %v and that 10 lines are left", what, took, err, limit)
		}
	}
	within("Flush", w.Flush)
	within("Close", w.Close)
	if w.Write(sample()); w.Dropped() != 11 {
		t.Errorf("%d dropped, want 10 and one that came too late", w.Dropped())
	}
	d.tell(t, "thaw")
	stuck.Wait()
	<-w.closed
	if w.Written() != 1 {
		t.Errorf("%d written, want the one that was given to the disk", w.Written())
	}
	balanced(t, w, 12, d.path)
}

// Close also comes back when it is the forcing of the file to the disk that hangs.
func TestCloseOnADiskThatDoesNotSync(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	w := open(t, d.path, Options{DrainTimeout: 50 * time.Millisecond})
	w.Write(numbered(0, 0, 0))
	d.tell(t, "freezesync")
	if err := w.Close(); !errors.Is(err, errSlow) {
		t.Errorf("Close said %v, want %v", err, errSlow)
	}
	d.tell(t, "thaw")
	<-w.closed
	balanced(t, w, 1, d.path)
}

// A batch of which the disk takes a part: each line is counted on its own, and the lines behind the one that was cut
// are written after all.
func TestABatchThatIsCut(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	var told []error
	w := open(t, d.path, Options{OnError: func(err error) { told = append(told, err) }})
	d.tell(t, "freeze")
	var stuck sync.WaitGroup
	stuck.Go(func() { w.Write(numbered(0, 0, 0)) })
	d.tell(t, "hangs")
	const waiting = 50
	for i := range waiting {
		w.Write(numbered(1, i, 0))
	}
	d.tell(t, "thawhalf") // the batch is cut in two, and all is well behind it
	stuck.Wait()
	if err := w.Flush(); err != nil && !errors.Is(err, io.ErrShortWrite) {
		t.Error("Flush:", err)
	}
	w.Write(numbered(2, 0, 0))
	balanced(t, w, waiting+2, d.path)
	if w.Dropped() != 1 || len(told) != 2 || toldLost(told) != 1 || !errors.Is(told[0], io.ErrShortWrite) {
		t.Errorf("%d dropped, told %v, want one line, cut by a short write, and its number on Close", w.Dropped(), told)
	}
}

// A disk that takes half of a write, says that it is full, or fails: 0 records merged, the account is right, and after
// an error of the device the file is opened anew.
func TestDiskErrors(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	var told []error
	w := open(t, d.path, Options{CheckInterval: time.Nanosecond, OnError: func(err error) { told = append(told, err) }})
	offered := 0
	write := func(n int) {
		for range n {
			w.Write(numbered(0, offered, 0))
			offered++
		}
	}
	for _, fault := range []struct {
		order string
		arg   syscall.Errno
		err   error
	}{
		{"half", 0, io.ErrShortWrite},
		{"one", 0, io.ErrShortWrite}, // often of the newline that closes a torn line
		{"fail", syscall.ENOSPC, syscall.ENOSPC},
		{"fail", syscall.EIO, syscall.EIO},
		{"fail", syscall.EDQUOT, syscall.EDQUOT},
	} {
		write(2)
		if err := w.Flush(); err != nil {
			t.Errorf("before %v: %v", fault.err, err)
		}
		aMinuteLater(w)
		_, before := d.tell(t, fault.order, int(fault.arg))
		write(5)
		if err := w.Flush(); !errors.Is(err, fault.err) {
			t.Errorf("Flush said %v, want %v", err, fault.err)
		}
		_, after := d.tell(t, "work")
		if anew := after > before; anew != (fault.err == syscall.EIO) {
			t.Errorf("%v: the file was opened %d times", fault.err, after-before)
		}
	}
	write(2)
	balanced(t, w, offered, d.path)
	if w.Dropped() != 25 || len(told) != 6 || toldLost(told) != 25 {
		t.Errorf("%d dropped, want 25; told %v, want it 5 times and on Close", w.Dropped(), told)
	}
}

// When a write is cut short, the rest of the line must not follow: another process may have written by then. os.File
// would go on, and both records were lost.
func TestShortWriteWithANeighbour(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	w := open(t, d.path, Options{})
	w.Write(numbered(0, 0, 0))
	d.tell(t, "intrude")
	w.Write(numbered(0, 1, 0))
	w.Write(numbered(0, 2, 0))
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	seen, tally := found(t, d.path)
	if seen[[2]int{1, 0}] != 1 || seen[[2]int{0, 2}] != 1 || len(seen) != 3 || w.Dropped() != 1 ||
		tally.Unreadable != 1 {
		t.Errorf("%v, %d dropped, %+v: want the other process's record and all but one of ours",
			seen, w.Dropped(), tally)
	}
}

// The disk is told to make lines last once, on Close; with Sync after every line, before Write returns.
func TestSync(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, sync := range []bool{false, true} {
		d := mountFaulty(t)
		w := open(t, d.path, Options{Sync: sync})
		for i := range 3 {
			w.Write(sample())
			want := 0
			if sync {
				want = i + 1
			}
			if got, _ := d.tell(t, "work"); got != want {
				t.Errorf("Sync is %v: %d fsyncs after %d records, want %d", sync, got, i+1, want)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		want := 1
		if sync {
			want = 4
		}
		if got, _ := d.tell(t, "work"); got != want {
			t.Errorf("Sync is %v: %d fsyncs after Close, want %d", sync, got, want)
		}
	}
}
