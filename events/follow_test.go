package events

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// follow starts a Follower. Most tests run it in a bubble (synctest), where waiting takes no time and is never too
// short.
func follow(t *testing.T, path string, opts FollowOptions) *Follower {
	t.Helper()
	f, err := NewFollower(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// next is the number of the next record, which has to come.
func next(t *testing.T, f *Follower) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if !f.Next(ctx) {
		t.Fatalf("no record came: %v, %+v", f.Err(), f.Tally())
	}
	return f.Line().Detail("n").Text()
}

// quiet fails the test when a record comes within two looks.
func quiet(t *testing.T, f *Follower) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if f.Next(ctx) || f.Err() != nil {
		t.Fatalf("there is %q, %v, want nothing", f.Line().Raw(), f.Err())
	}
}

func put(t *testing.T, path string, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func nth(n int) string { return string(numbered(0, n, 0).Append(nil)) }

func TestFollow(t *testing.T) { synctest.Test(t, inFollow) }

func inFollow(t *testing.T) {
	path := logPath(t)
	f := follow(t, path, FollowOptions{}) // there is no file yet
	quiet(t, f)
	put(t, path, nth(0)+nth(1)+nth(2)[:50])
	for _, want := range []string{"0", "1"} {
		if got := next(t, f); got != want {
			t.Errorf("got record %s, want %s", got, want)
		}
	}
	quiet(t, f) // half a line, and then a whole one without its newline
	if got := f.Tally(); got != (Tally{Records: 2, Held: 50}) {
		t.Errorf("the tally is %+v", got)
	}
	put(t, path, strings.TrimSuffix(nth(2)[50:], "\n"))
	quiet(t, f)
	put(t, path, "\n"+"junk\n"+nth(3)[:9]+nth(4))
	for _, want := range []string{"2", "4"} {
		if got := next(t, f); got != want {
			t.Errorf("got record %s, want %s", got, want)
		}
	}
	want := Tally{Records: 4, Salvaged: 1, Unreadable: 2, UnreadableBytes: 13, FirstUnreadable: int64(3 * len(nth(0)))}
	if got := f.Tally(); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFollowFromTheEnd(t *testing.T) { synctest.Test(t, inFollowFromTheEnd) }

func inFollowFromTheEnd(t *testing.T) {
	for name, test := range map[string]struct{ old, fresh, want string }{
		"empty":      {"", nth(1), "1"},
		"whole line": {nth(0), nth(1), "1"},
		"half line":  {nth(0) + nth(1)[:20], nth(1)[20:], "1"},
		"endless":    {strings.Repeat("x", 3*blockSize), "\n" + nth(1), "1"},
	} {
		path := logPath(t)
		put(t, path, test.old)
		f := follow(t, path, FollowOptions{FromEnd: true})
		quiet(t, f)
		put(t, path, test.fresh)
		if got := next(t, f); got != test.want {
			t.Errorf("%s: got record %s, want %s", name, got, test.want)
		}
		put(t, path, nth(2))
		if got := next(t, f); got != "2" {
			t.Errorf("%s: got record %s, want 2", name, got)
		}
	}
}

// Over a rotation: first all of the old file, what late writers put into it included, then the new one.
func TestFollowAcrossRotation(t *testing.T) { synctest.Test(t, inFollowAcrossRotation) }

func inFollowAcrossRotation(t *testing.T) {
	path := logPath(t)
	put(t, path, nth(0))
	f := follow(t, path, FollowOptions{})
	next(t, f)
	put(t, path, nth(1))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if got := next(t, f); got != "1" {
		t.Errorf("got record %s, want 1", got)
	}
	quiet(t, f)
	put(t, path, nth(3))
	quiet(t, f)
	put(t, path+".1", nth(2)+nth(9)[:30]) // a writer that has not noticed, and dies
	for _, want := range []string{"2", "3"} {
		if got := next(t, f); got != want {
			t.Errorf("got record %s, want %s", got, want)
		}
	}
	if got := f.Line().Offset(); got != 0 {
		t.Errorf("the offset is %d, want 0 in the new file", got)
	}
	if got := f.Tally(); got.Records != 4 || got.Unreadable != 1 || got.UnreadableBytes != 30 {
		t.Errorf("%+v, want the fragment at the end of the old file counted", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	quiet(t, f)
	put(t, path, strings.TrimSuffix(nth(4), "\n")) // killed just before its newline
	quiet(t, f)
	if err := os.Rename(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	put(t, path, nth(5))
	for _, want := range []string{"4", "5"} {
		if got := next(t, f); got != want {
			t.Errorf("got record %s, want %s", got, want)
		}
	}
}

func TestFollowOverTruncation(t *testing.T) { synctest.Test(t, inFollowOverTruncation) }

func inFollowOverTruncation(t *testing.T) {
	path := logPath(t)
	put(t, path, nth(0)+nth(1)+nth(2)[:10])
	f := follow(t, path, FollowOptions{})
	next(t, f)
	next(t, f)
	quiet(t, f)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	quiet(t, f)
	put(t, path, nth(3))
	if got := next(t, f); got != "3" {
		t.Errorf("got record %s, want 3", got)
	}
}

// A truncation is noticed when the file has become as long again, or longer, before anybody looked.
func TestFollowOverAHiddenTruncation(t *testing.T) { synctest.Test(t, inFollowOverAHiddenTruncation) }

func inFollowOverAHiddenTruncation(t *testing.T) {
	long := strings.Repeat("x", 3*blockSize) + "\n"
	for name, test := range map[string]struct {
		before, held, again string // the records read, the half line behind them, and what stands there in their place
		want                []string
	}{
		"as long":           {nth(0), "", nth(3), []string{"3"}},
		"longer":            {nth(0), "", nth(3) + nth(4) + nth(5), []string{"3", "4", "5"}},
		"after half a line": {nth(0), nth(1)[:10], nth(3) + nth(4), []string{"3", "4"}},
		"after a whole line": {
			nth(0), strings.TrimSuffix(nth(1), "\n"), nth(3) + nth(4) + nth(5), []string{"1", "3", "4", "5"},
		},
		"inside a line":     {nth(0) + nth(1), "", nth(0) + nth(1)[:20] + "\n" + nth(3), []string{"0", "3"}},
		"after a long line": {nth(0) + long + nth(1), "", nth(0) + long + nth(3), []string{"0", "3"}},
		"with a hole":       {nth(0), "", strings.Repeat("\x00", len(nth(0))) + nth(3), []string{"3"}},
	} {
		for _, fromEnd := range []bool{false, true} {
			path := logPath(t)
			put(t, path, test.before+test.held)
			f := follow(t, path, FollowOptions{FromEnd: fromEnd})
			for range strings.Count(test.before, marker) {
				if !fromEnd {
					next(t, f)
				}
			}
			quiet(t, f)
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			put(t, path, test.again)
			for _, want := range test.want {
				if got := next(t, f); got != want {
					t.Errorf("%s, from the end %v: got record %s, want %s", name, fromEnd, got, want)
				}
			}
			quiet(t, f)
			put(t, path, nth(6))
			if got := next(t, f); got != "6" {
				t.Errorf("%s, from the end %v: got record %s, want 6", name, fromEnd, got)
			}
		}
	}
}

// A Writer that is rotated 13 times while it writes: the Follower hands out every record once, in order.
func TestFollowAWriterThroughThirteenRotations(t *testing.T) {
	path := logPath(t)
	f := follow(t, path, FollowOptions{Interval: 2 * time.Millisecond, Grace: 100 * time.Millisecond})
	w := open(t, path, Options{CheckInterval: time.Nanosecond})
	const n, rotations = 1300, 13
	caught := make(chan int) // the Follower has got this record: two rotations between two looks would hide one
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all.Go(func() {
		for i := range n {
			w.Write(numbered(0, i, 0))
			if i%(n/rotations) != 50 {
				continue
			}
			select {
			case <-caught:
			case <-ctx.Done():
				return
			}
			if err := os.Rename(path, fmt.Sprint(path, ".", i)); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range n {
		if got := next(t, f); got != fmt.Sprint(i) {
			t.Errorf("got record %s, want %d", got, i)
		}
		if i%(n/rotations) == 50 {
			caught <- i
		}
	}
}

func TestFollowEndsWithItsContext(t *testing.T) { synctest.Test(t, inFollowEndsWithItsContext) }

func inFollowEndsWithItsContext(t *testing.T) {
	path := logPath(t)
	f := follow(t, path, FollowOptions{Interval: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() { done <- f.Next(ctx) }()
	cancel()
	if <-done || f.Err() != nil {
		t.Errorf("Next is true, or there is an error: %v", f.Err())
	}
}

func TestNewFollowerRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	put(t, file, "")
	for _, test := range []struct {
		path string
		opts FollowOptions
		says string
	}{
		{dir, FollowOptions{}, "is not a regular file"},
		{filepath.Join(file, "x"), FollowOptions{}, "not a directory"},
		{file, FollowOptions{Interval: -1}, "Interval is -1ns"},
		{file, FollowOptions{Grace: -1}, "Grace is -1ns"},
	} {
		f, err := NewFollower(test.path, test.opts)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("NewFollower(%s, %+v) = %v, %v, want an error with %q", test.path, test.opts, f, err, test.says)
		}
	}
}
