package events

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// slowest is the longest that Write took for one of n records.
func slowest(w *Writer, from, n int) (longest time.Duration) {
	for i := range n {
		r := numbered(0, from+i, 700)
		start := time.Now()
		w.Write(r)
		longest = max(longest, time.Since(start))
	}
	return longest
}

// The disk freezes: a write to it does not return. With a queue the caller waits less than 10 ms for each of 1,000 records;
// what does not fit is dropped, counted and told once. When the disk comes back all is well again.
func TestFrozenDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	const queue, n = 64, 1000
	told := make(chan error, 10)
	w := open(t, d.path, Options{Queue: queue, OnError: func(err error) { told <- err }})
	offered := 0
	for round := 1; ; round++ {
		d.tell(t, "freeze")
		w.Write(numbered(0, offered, 700))
		d.tell(t, "hangs")
		longest := slowest(w, offered+1, n)
		offered += n + 1
		if dropped := w.Dropped(); dropped != uint64(round*(n-queue)) || len(told) != round {
			t.Errorf("%d dropped and told %d times, want %d and %d", dropped, len(told), round*(n-queue), round)
		}
		d.tell(t, "thaw")
		if err := w.Flush(); err != nil {
			t.Error("Flush:", err)
		}
		t.Logf("the slowest Write took %v", longest)
		if longest < 10*time.Millisecond {
			break
		}
		if round == 3 { // a busy machine may hold up a caller for reasons of its own, but not in every round
			t.Errorf("the slowest Write took %v, want less than 10ms", longest)
			break
		}
	}
	balanced(t, w, offered, d.path)
}

// Every write takes 20 ms, which is none of the caller's business either.
func TestSlowDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	d.tell(t, "slow", 20)
	w := open(t, d.path, Options{Queue: 8})
	best, offered := time.Hour, 0
	for range 3 {
		best = min(best, slowest(w, offered, 100))
		offered += 100
	}
	if best >= 10*time.Millisecond || w.Dropped() == 0 {
		t.Errorf("the slowest Write took %v, want less than 10ms; %d dropped", best, w.Dropped())
	}
	balanced(t, w, offered, d.path)
}

// Close waits for a frozen disk no longer than DrainTimeout, and counts what it gives up.
func TestCloseOnAFrozenDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := mountFaulty(t)
	d.tell(t, "freeze")
	w := open(t, d.path, Options{Queue: 64, DrainTimeout: 50 * time.Millisecond})
	w.Write(numbered(0, 0, 0))
	d.tell(t, "hangs")
	for i := range 10 {
		w.Write(numbered(0, i+1, 0))
	}
	if err := w.Flush(); err == nil {
		t.Error("Flush said nothing")
	}
	start := time.Now()
	err := w.Close()
	if took := time.Since(start); err == nil || took > 5*time.Second {
		t.Errorf("Close took %v and said %v", took, err)
	}
	if w.Dropped() != 10 {
		t.Errorf("%d dropped, want 10", w.Dropped())
	}
	d.tell(t, "thaw")
	<-w.queue.done
	if w.Written() != 1 {
		t.Errorf("%d written, want the one that the disk had in its hands", w.Written())
	}
}

// A disk that takes half of a write, says that it is full, or fails: 0 records merged, the account is right, and after
// an error of the device the file is opened anew.
func TestDiskErrors(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for _, queue := range []int{0, 1000} {
		d := mountFaulty(t)
		var told []error
		w := open(t, d.path, Options{Queue: queue, CheckInterval: time.Nanosecond, OnError: func(err error) { told = append(told, err) }})
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
		if w.Dropped() != 25 || len(told) != 5 {
			t.Errorf("%d dropped, want 25; told %v, want it 5 times", w.Dropped(), told)
		}
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
	if seen[[2]int{1, 0}] != 1 || seen[[2]int{0, 2}] != 1 || len(seen) != 3 || w.Dropped() != 1 || tally.Unreadable != 1 {
		t.Errorf("%v, %d dropped, %+v: want the neighbour's record and all but one of ours", seen, w.Dropped(), tally)
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
