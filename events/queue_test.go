package events

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
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
		eventually(t, fmt.Sprint("records to be written in round ", round), func() bool { return w.Written() == written })
	}
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
	line := func(n, size int) *draft {
		d := &draft{}
		d.encode(numbered(0, n, size), nil, nil)
		return d
	}
	added, bytes := 0, 0
	for {
		d := line(added, 700)
		err := q.add(d)
		if errors.Is(err, errFull) {
			if bytes+len(d.text)-1 <= maxQueue {
				t.Errorf("full with %d bytes and a line of %d, want up to %d", bytes, len(d.text)-1, maxQueue)
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
		q.giveBack(b)
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
	if err := errors.Join(q.add(d), q.add(d)); err != nil {
		t.Fatal(err)
	}
	flushed := q.mark()
	if first, second := q.close(), q.close(); !first || second {
		t.Errorf("closed %v and %v, want true and false", first, second)
	}
	if err := q.add(d); !errors.Is(err, errClosed) {
		t.Errorf("add said %v, want %v", err, errClosed)
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
