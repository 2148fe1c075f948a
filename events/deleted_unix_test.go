//go:build unix

package events

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// What is written to a deleted file until that is noticed, here within the default CheckInterval or at Close, is lost
// and counts so: offered = written + dropped, and what is written is in the file.
func TestDeletedFile(t *testing.T) {
	for _, what := range []string{"file", "directory"} {
		for _, noticed := range []string{"at the next look", "at Reopen", "at Close"} {
			synctest.Test(t, func(t *testing.T) { deletedFile(t, what, noticed) })
		}
	}
}

func deletedFile(t *testing.T, what, noticed string) {
	path := filepath.Join(t.TempDir(), "session", "events.jsonl")
	remove := func() {
		victim := path
		if what == "directory" {
			victim = filepath.Dir(path)
		}
		if err := os.RemoveAll(victim); err != nil {
			t.Fatal(err)
		}
	}
	var told []error
	w := open(t, path, Options{OnError: func(err error) { told = append(told, err) }})
	offered := 0
	write := func(n int) {
		for range n {
			w.Write(numbered(0, offered, 0))
			offered++
		}
		if err := w.Flush(); err != nil {
			t.Errorf("Flush said %v", err)
		}
	}
	for round := 1; round <= 2; round++ { // in the second, the record of the first loss is lost as well
		write(2)
		remove()
		write(3)
		if len(told) != round-1 {
			t.Fatalf("round %d: told %v before anybody looked", round, told)
		}
		if round == 2 {
			break
		}
		switch noticed {
		case "at Reopen":
			w.Reopen()
		default:
			<-time.After(100 * time.Millisecond)
		}
	}
	if noticed != "at Close" {
		<-time.After(100 * time.Millisecond)
		write(1)
	}
	if err := w.Close(); err != nil {
		t.Error("Close:", err)
	}
	if len(told) != 2 || !errors.Is(told[0], errDeleted) || !errors.Is(told[1], errDeleted) {
		t.Errorf("told %v, want it when it was found out first, and on Close", told)
	}
	if toldLost(told) != w.Dropped() {
		t.Errorf("told %v, want %d lost", told, w.Dropped())
	}
	balanced(t, w, offered, path)
	got := records(t, path)
	want := []Field{
		Int(KeyCount, 10), String(KeyReason, "events: write "+path+": the file was deleted"),
		String(KeyErrorType, "deleted"),
	}
	if details := got[0].Details; got[0].Type != TypeEventsDropped || len(details) != 3 || details[0] != want[0] ||
		details[1] != want[1] || details[2] != want[2] {
		t.Errorf("the record of the loss is %+v, want details %+v", got[0], want)
	}
}

// What was in the file when it was looked at is not lost by a later deletion.
func TestADeletionTakesWhatWasWrittenSinceTheLastLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := logPath(t)
		w := open(t, path, Options{})
		w.Write(sample())
		<-time.After(100 * time.Millisecond)
		w.Write(sample()) // after a look
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		w.Write(sample())
		<-time.After(100 * time.Millisecond)
		w.Write(sample())
		if w.Written() != 2 || w.Dropped() != 2 {
			t.Errorf("%d written, %d dropped, want 2 and 2", w.Written(), w.Dropped())
		}
	})
}

// Who deletes a log to which nobody writes any more takes away what is in it, and no record is lost.
func TestDeletingAWrittenLogLosesNothing(t *testing.T) {
	path := logPath(t)
	var told []error
	w := open(t, path, Options{CheckInterval: time.Hour, OnError: func(err error) { told = append(told, err) }})
	w.Write(sample())
	aged(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.Reopen()
	w.Write(sample())
	aged(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || w.Written() != 2 || w.Dropped() != 0 || len(told) > 0 {
		t.Errorf("%v, %d written, %d dropped, told %v; want 2 written", err, w.Written(), w.Dropped(), told)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close made the file again: %v", err)
	}
}

// A directory that vanishes is made again. When it cannot be made, records are dropped and counted, the host is told
// once a minute, and the log itself says so when it works again.
func TestVanishedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "session")
	path := filepath.Join(dir, "events.jsonl")
	var told []error
	w := open(t, path, Options{CheckInterval: time.Nanosecond, OnError: func(err error) {
		told = append(told, err)
		panic("the host's handler has a fault of its own")
	}})
	w.Write(numbered(0, 0, 0))
	aged(t, path)
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	w.Write(numbered(0, 1, 0))
	if len(records(t, path)) != 1 || len(told) > 0 {
		t.Fatalf("a removed directory was not made again: %v", told)
	}
	for round := 1; round <= 2; round++ {
		aged(t, path)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the directory's place
			t.Fatal(err)
		}
		for range 3 {
			w.Write(sample())
		}
		if len(told) != round || w.Dropped() != uint64(3*round) || w.Flush() == nil {
			t.Fatalf("told %v, dropped %d, Flush said %v", told, w.Dropped(), w.Flush())
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		w.Write(numbered(0, 2, 0))
		got := records(t, path)
		if len(got) != 2 || got[0].Type != TypeEventsDropped || got[1].Type != TypeAttempt {
			t.Fatalf("got %+v, want a record of type events_dropped and the record", got)
		}
		if got[0].Session != sample().Session || got[0].Level != LevelError || got[0].Details[0] != Int(KeyCount, 3) {
			t.Errorf("the record of the loss is %+v", got[0])
		}
		if err := w.Flush(); err != nil {
			t.Errorf("it works again, but Flush says %v", err)
		}
		aMinuteLater(w)
	}
	if w.Written() != 4 {
		t.Errorf("%d written, want 4", w.Written())
	}
}

// aged waits until the file system's clock, which may be coarse, shows a later time than path's last change.
func aged(t *testing.T, path string) {
	t.Helper()
	change := func(path string) int64 {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Ctim.Nano()
	}
	probe := filepath.Join(t.TempDir(), "probe")
	eventually(t, "a later time", func() bool {
		if err := os.WriteFile(probe, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return change(probe) > change(path)
	})
}
