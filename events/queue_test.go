package events

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However goroutines meet at the file: what they left is written without anybody writing, flushing or closing
// afterwards.
func TestNoRecordIsLeftBehind(t *testing.T) {
	w := open(t, logPath(t), Options{})
	const writers = 4
	written := uint64(0)
	for round := range scaled(2_000, 50_000) {
		start := make(chan struct{})
		var all sync.WaitGroup
		for writer := range writers {
			all.Go(func() {
				<-start
				w.Write(numbered(writer, round, 0))
			})
		}
		close(start)
		all.Wait()
		written += writers
		eventually(t, fmt.Sprint("records to be written in round ", round), func() bool {
			return w.Written() == written
		})
	}
}

// Thousands of operations fail at once, with long texts. The disk is well, so nothing is lost, whatever the size of the
// queue; each goroutine's lines are in order, and nobody is told anything.
func TestABurstOnAHealthyDiskLosesNothing(t *testing.T) {
	path := logPath(t)
	w := open(t, path, Options{OnError: func(err error) { t.Error("told:", err) }})
	const writers, size = 5_000, 1_500
	for _, n := range []int{1, 4} {
		start := make(chan struct{})
		var all sync.WaitGroup
		for writer := range writers {
			all.Go(func() {
				<-start
				for i := range n {
					w.Write(numbered(writer, n*10+i, size))
				}
			})
		}
		close(start)
		all.Wait()
	}
	balanced(t, w, writers*(1+4), path)
	inOrder(t, path)
	if w.Dropped() != 0 {
		t.Errorf("%d dropped, want 0", w.Dropped())
	}
}

// Close in the middle of a burst: what was given to Write before is written, waiting or not, and what comes later is
// dropped. Everybody comes back.
func TestCloseInABurst(t *testing.T) {
	path := logPath(t)
	w := open(t, path, Options{})
	const writers, size = 80, 20_000
	if !w.own() { // as one whose write takes a moment
		t.Fatal("a new Writer is owned")
	}
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() { w.Write(numbered(writer, 0, size)) })
	}
	eventually(t, "lines that wait for room", func() bool { return w.queue.waiting() == writers })
	w.queue.close() // as Close does first
	w.Write(numbered(writers, 0, size))
	w.release()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	balanced(t, w, writers+1, path)
	if w.Dropped() != 1 {
		t.Errorf("%d dropped, want the one that came too late", w.Dropped())
	}
}

// fill adds lines of about 700 bytes to q until one does not fit, and returns how many did and what became of that one.
func fill(q *queue) (lines int, room *waiter, err error) {
	for {
		if room, err = q.add(draftOf(lines, 700)); room != nil || err != nil {
			return lines, room, err
		}
		lines++
	}
}

// draftOf is the line of a record of about size bytes.
func draftOf(n, size int) *draft {
	d := &draft{}
	d.encode(numbered(0, n, size), nil, nil)
	return d
}

// A full queue has callers wait in the order in which they came. While batches are taken they wait as long as it takes;
// one that takes less room does not overtake.
func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue
		lines, first, err := fill(&q)
		if err != nil {
			t.Fatal(err)
		}
		waiters := []*waiter{first}
		for i := range 500 {
			room, err := q.add(draftOf(lines+1+i, 700-i%100))
			if room == nil || err != nil {
				t.Fatalf("add to a full queue said %v, %v", room, err)
			}
			waiters = append(waiters, room)
		}
		for taken := 0; taken < lines+len(waiters); {
			time.Sleep(stallAfter - time.Millisecond)
			b, _ := q.take()
			records, _ := read(t, string(b.text[1:]))
			for _, r := range records {
				if !slices.Contains(r.Details, Int("n", int64(taken))) {
					t.Fatalf("record %d is %v", taken, r.Details)
				}
				taken++
			}
			q.giveBack(b, stallAfter-time.Millisecond)
		}
		for i, room := range waiters {
			if why := <-room.settled; why != nil {
				t.Fatalf("waiter %d: %v", i, why)
			}
		}
		if b, _ := q.take(); b != nil || q.waiting() != 0 {
			t.Errorf("%d bytes and %d lines are left", len(b.text), q.waiting())
		}
	})
}

// Callers wait for a stalled disk once. While it stays stalled none waits, and they wait again as soon as a write took
// less than stallAfter.
func TestAStalledDiskIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue
		start := time.Now()
		lines, room, err := fill(&q)
		if err != nil {
			t.Fatal(err)
		}
		if why := <-room.settled; !errors.Is(why, errFull) || time.Since(start) != stallAfter {
			t.Errorf("%v after %v, want %v after %v", why, time.Since(start), errFull, stallAfter)
		}
		for _, took := range []time.Duration{stallAfter, stallAfter, 0} { // of the next writes
			b, _ := q.take()
			lines -= len(b.ends)
			more, room, err := fill(&q)
			if room != nil || !errors.Is(err, errFull) {
				t.Errorf("add said %v, %v while the disk is stalled, want %v", room, err, errFull)
			}
			lines += more
			q.giveBack(b, took)
		}
		if room, err = q.add(draftOf(0, 700)); room == nil || err != nil {
			t.Fatalf("add said %v, %v, want to wait: the disk answers again", room, err)
		}
		if n := q.abandon(); n != lines+1 {
			t.Errorf("%d lines given up, want %d and the one that waits", n, lines)
		}
		if why := <-room.settled; why != nil {
			t.Errorf("a line that was counted got %v", why)
		}
	})
}

// A line that waits when a caller finds the file free goes first, and giving the file up has the queue written.
func TestALineThatWaitsGoesFirst(t *testing.T) {
	path := logPath(t)
	w := open(t, path, Options{})
	if !w.own() {
		t.Fatal("a new Writer is owned")
	}
	w.Write(numbered(0, 0, 0))
	w.Write(numbered(0, 1, 0))
	if w.Written() != 0 {
		t.Error("a line was written by somebody who does not own the file")
	}
	w.owned.Store(false) // as the owner has just done, before it looks again
	w.Write(numbered(0, 2, 0))
	if !w.own() {
		t.Fatal("the file was not given up")
	}
	w.Write(numbered(0, 3, 0))
	w.release()
	eventually(t, "4 records", func() bool { return w.Written() == 4 })
	inOrder(t, path)
}

// The queue takes 1 MiB of lines, and gives them back in batches of 64 KiB at most, in order.
func TestTheQueueKeepsItsOrderAndBounds(t *testing.T) {
	var q queue
	added, bytes := 0, 0
	for {
		d := draftOf(added, 700)
		room, err := q.add(d)
		if room != nil {
			if bytes+len(d.text)-1 <= maxQueue {
				t.Errorf("full with %d bytes and a line of %d, want up to %d", bytes, len(d.text)-1, maxQueue)
			}
			if why := <-room.settled; !errors.Is(why, errFull) {
				t.Errorf("a line that waited in vain got %v, want %v", why, errFull)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		added, bytes = added+1, bytes+len(d.text)-1
	}
	var all []byte
	lines := 0
	for b, _ := q.take(); b != nil; b, _ = q.take() {
		if len(b.text) > maxBatch || b.text[0] != '\n' || b.ends[len(b.ends)-1] != len(b.text) {
			t.Fatalf("a batch of %d bytes, %d lines, which begins with %q", len(b.text), len(b.ends), b.text[0])
		}
		all = append(all, b.text[1:]...)
		lines += len(b.ends)
		q.giveBack(b, 0)
	}
	if lines != added || len(all) != bytes || q.work.Load() || q.waiting() != 0 {
		t.Errorf("took %d lines of %d bytes, want %d of %d", lines, len(all), added, bytes)
	}
	records, _ := read(t, string(all))
	for i, r := range records {
		if !slices.Contains(r.Details, Int("n", int64(i))) {
			t.Fatalf("record %d is %v", i, r.Details)
		}
	}
}

// What is left in a queue that was closed can be given up, and nothing comes after it.
func TestAClosedQueueTakesNothing(t *testing.T) {
	var q queue
	d := &draft{}
	d.encode(sample(), nil, nil)
	for range 2 {
		if room, err := q.add(d); room != nil || err != nil {
			t.Fatal(room, err)
		}
	}
	flushed := q.mark()
	if first, second := q.close(), q.close(); !first || second {
		t.Errorf("closed %v and %v, want true and false", first, second)
	}
	if room, err := q.add(d); room != nil || !errors.Is(err, errClosed) {
		t.Errorf("add said %v %v, want %v", room, err, errClosed)
	}
	if q.mark() != nil {
		t.Error("there is something to wait for in a closed queue")
	}
	if n := q.abandon(); n != 2 {
		t.Errorf("%d lines given up, want 2", n)
	}
	<-flushed
	if b, ended := q.take(); b != nil || !ended {
		t.Errorf("took %v, ended %v, want nothing and the end", b, ended)
	}
}
