//go:build unix

package events

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func init() { roles["steady"] = steady }

// steady writes to EVENTS as number WRITER until its input ends, then prints how many records it wrote. With HANGUP it
// reopens the file on SIGHUP and at no other time; it prints "ready" when the first record is there. With PACE, a
// duration, it writes one record in that time, and has a Writer's default options.
func steady() error {
	writer, err := strconv.Atoi(os.Getenv("WRITER"))
	if err != nil {
		return err
	}
	opts := Options{CheckInterval: time.Millisecond}
	if os.Getenv("HANGUP") != "" {
		opts = Options{CheckInterval: time.Hour, ReopenOnSIGHUP: true}
	}
	var pace <-chan time.Time
	if text := os.Getenv("PACE"); text != "" {
		each, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		pace, opts = time.Tick(each), Options{}
	}
	w, err := Open(os.Getenv("EVENTS"), opts)
	if err != nil {
		return err
	}
	over := make(chan struct{})
	go func() {
		parent()
		close(over)
	}()
	r := numbered(writer, 0, 0)
	for i := int64(0); ; i++ {
		if pace != nil {
			<-pace
		}
		select {
		case <-over:
			err := w.Close()
			fmt.Println(w.Written())
			if w.Dropped() > 0 {
				err = errors.Join(err, fmt.Errorf("%d dropped", w.Dropped()))
			}
			return err
		default:
		}
		r.Details[8] = Int("n", i)
		w.Write(r)
		if i == 0 {
			fmt.Println("ready")
		}
	}
}

// The file is renamed 13 times under 2 processes that write to it all the while: 0 records lost, 0 doubled, and both
// move on to the new file each time.
func TestThirteenRotationsUnderTwoWriters(t *testing.T) {
	for _, hangup := range []bool{false, true} {
		t.Run(fmt.Sprint("SIGHUP ", hangup), func(t *testing.T) {
			const writers, rotations = 2, 13
			path := logPath(t)
			var children []*child
			for writer := range writers {
				env := []any{"EVENTS=" + path, fmt.Sprint("WRITER=", writer)}
				if hangup {
					env = append(env, "HANGUP=1")
				}
				c := spawn(t, "steady", env...)
				c.line(t)
				children = append(children, c)
			}
			paths := []string{path}
			for i := range rotations {
				rotated := fmt.Sprint(path, ".", i)
				if err := os.Rename(path, rotated); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, rotated)
				for _, c := range children {
					if hangup {
						if err := c.Process.Signal(syscall.SIGHUP); err != nil {
							t.Fatal(err)
						}
					}
				}
				eventually(t, "both writers in the new file", func() bool { return writersIn(path) == writers })
			}
			written := make([]int, writers)
			for _, c := range children {
				c.in.Close() //nolint:errcheck // a child that is gone shows below
			}
			for i, c := range children {
				n, err := strconv.Atoi(c.line(t))
				if err != nil {
					t.Fatal(err)
				}
				written[i] = n
				c.end(t)
			}
			seen, tally := found(t, paths...)
			for writer, n := range written {
				if missing, doubled := lost(seen, writer, n); missing+doubled > 0 {
					t.Errorf("writer %d: of %d records %d are lost, %d doubled", writer, n, missing, doubled)
				}
			}
			if tally.Unreadable > 0 {
				t.Errorf("%+v", tally)
			}
			t.Logf("%d records in %d files", len(seen), len(paths))
		})
	}
}

// writersIn says how many writers have records in the file.
func writersIn(path string) int {
	r, err := OpenFile(path)
	if err != nil {
		return 0
	}
	defer r.Close() //nolint:errcheck // it was only read
	writers := map[string]bool{}
	for l := range r.All() {
		if writers[string(l.Detail("writer"))] = true; len(writers) == 2 {
			break
		}
	}
	return len(writers)
}

// A rotation is noticed without any signal once CheckInterval has passed, and at once after Reopen.
func TestRotationByRename(t *testing.T) {
	for _, reopen := range []bool{false, true} {
		path := logPath(t)
		opts := Options{CheckInterval: time.Nanosecond}
		if reopen {
			opts.CheckInterval = time.Hour
		}
		w := open(t, path, opts)
		w.Write(sample())
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		if reopen {
			w.Write(sample()) // goes to the old file, and is not lost
			w.Reopen()
		}
		w.Write(sample())
		want := 1
		if reopen {
			want = 2
		}
		if old, now := len(records(t, path+".1")), len(records(t, path)); old != want || now != 1 {
			t.Errorf("reopen is %v: %d records in the old file and %d in the new one, want %d and 1",
				reopen, old, now, want)
		}
	}
}

// A new file has the mode of the one before, and the first one is its owner's alone.
func TestTheModeSurvivesARotation(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := logPath(t)
	w := open(t, path, Options{CheckInterval: time.Nanosecond})
	check := func(want os.FileMode) {
		t.Helper()
		w.Write(sample())
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != want {
			t.Errorf("mode %v, want %v", got, want)
		}
	}
	check(0o600)
	for i, mode := range []os.FileMode{0o640, 0o664, 0o600} {
		if err := errors.Join(os.Chmod(path, mode), os.Rename(path, fmt.Sprint(path, ".", i))); err != nil {
			t.Fatal(err)
		}
		check(mode)
	}
	// Whoever rotates may make the new file: its mode is that one's choice.
	err := errors.Join(os.Rename(path, path+".9"), os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	check(0o644)
}

// A log that is emptied under the Writer (logrotate's copytruncate) goes on at its new end.
func TestTruncatedUnderTheWriter(t *testing.T) {
	path := logPath(t)
	w := open(t, path, Options{})
	w.Write(sample())
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	if got := content(t, path); got != lineOf(w, sample()) {
		t.Errorf("got %q", got)
	}
}
