package events

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The disk (a tmpfs of 256 KiB) fills up and is freed again, 3 times: offered = written + dropped, 0 records merged
// with the fragment of another, all of it told, and writing resumes with the first record after space is there.
func TestFullDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := tmpfs(t, 256<<10)
	path := filepath.Join(dir, "events.jsonl")
	for _, ballast := range []string{"1", "2", "3"} {
		if err := os.WriteFile(filepath.Join(dir, ballast), make([]byte, 32<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var told []error
	w := open(t, path, Options{OnError: func(err error) { told = append(told, err) }})
	offered := 0
	for round := 1; round <= 3; round++ {
		for before := w.Dropped(); w.Dropped() < before+100; offered++ {
			w.Write(numbered(0, offered, 300+offered%7*900))
		}
		if err := w.Flush(); len(told) != round || !full(told[round-1]) || !full(err) { // once a minute
			t.Fatalf("round %d: told %v, Flush said %v", round, told, err)
		}
		if err := os.Remove(filepath.Join(dir, strconv.Itoa(round))); err != nil {
			t.Fatal(err)
		}
		before := w.Written()
		if w.Write(numbered(0, offered, 300)); w.Written() != before+1 {
			t.Fatalf("round %d: the first record after the outage was not written: %v", round, w.Flush())
		}
		offered++
		aMinuteLater(w)
	}
	balanced(t, w, offered, path)
	if toldLost(told) != w.Dropped() {
		t.Errorf("told %v, want %d lost", told, w.Dropped())
	}
}

// full says whether err is what a full disk gives: at first a short write.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, io.ErrShortWrite) }

// A disk that is full or read-only when the program starts is no reason not to start.
func TestReadOnlyDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := tmpfs(t, 256<<10)
	remount := func(flags uintptr) {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|flags, "size=256k"); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	path := filepath.Join(dir, "data", "session", "events.jsonl")
	var told []error
	w := open(t, path, Options{CheckInterval: time.Nanosecond, OnError: func(err error) { told = append(told, err) }})
	for i := range 10 {
		w.Write(numbered(0, i, 0))
	}
	if len(told) != 1 || !errors.Is(told[0], syscall.EROFS) || w.Dropped() != 10 {
		t.Errorf("told %v, %d dropped, want EROFS once and 10", told, w.Dropped())
	}
	remount(0)
	w.Write(numbered(0, 10, 0))
	balanced(t, w, 11, path)
}

// A file that has reached the process's size limit (RLIMIT_FSIZE, SIGXFSZ, EFBIG) kills nobody; after a rotation
// writing resumes.
func TestFileSizeLimit(t *testing.T) {
	if os.Getenv(namespaceVar) == "" { // a limit is one of the whole process
		inNamespace(t)
		return
	}
	limit := unix.Rlimit{Cur: 64 << 10, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	path := logPath(t)
	var told []error
	w := open(t, path, Options{CheckInterval: time.Nanosecond, OnError: func(err error) { told = append(told, err) }})
	offered := 0
	for ; w.Dropped() < 100; offered++ {
		w.Write(numbered(0, offered, 700))
	}
	if err := w.Flush(); len(told) != 1 || !errors.Is(err, syscall.EFBIG) && !errors.Is(err, io.ErrShortWrite) {
		t.Fatalf("told %v, Flush said %v", told, err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		w.Write(numbered(0, offered, 700))
		offered++
	}
	balanced(t, w, offered, path, path+".1")
}

// A process without a free file descriptor cannot follow a rotation; it drops and counts until it has one.
func TestNoFileDescriptorLeft(t *testing.T) {
	if os.Getenv(namespaceVar) == "" { // a limit is one of the whole process
		inNamespace(t)
		return
	}
	path := logPath(t)
	w := open(t, path, Options{CheckInterval: time.Nanosecond})
	w.Write(numbered(0, 0, 0))
	var old unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old)
	if err == nil {
		err = errors.Join(os.Rename(path, path+".1"),
			unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: old.Max}))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Write(numbered(0, 1, 0))
	w.Write(numbered(0, 2, 0))
	if err := w.Flush(); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("Flush said %v, want EMFILE", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	w.Write(numbered(0, 3, 0))
	balanced(t, w, 4, path, path+".1")
}

// Many goroutines on a full disk: the account is right to the last record.
func TestFullDiskUnderConcurrentUse(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := tmpfs(t, 128<<10)
	path := filepath.Join(dir, "events.jsonl")
	var told sync.Map
	w := open(t, path, Options{OnError: func(err error) { told.Store(err.Error(), true) }})
	const writers, n = 4, 400
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for i := range n {
				w.Write(numbered(writer, i, 700))
				runtime.Gosched()
			}
		})
	}
	all.Wait()
	if err := w.Flush(); w.Dropped() == 0 {
		t.Errorf("nothing was lost (%v), so nothing was tested", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	w.Write(numbered(writers, 0, 0))
	balanced(t, w, writers*n+1, path)
}

// The one link that is followed: root's, directly below /. One level further down it is a link like any other.
func TestRootsOwnLinkBelowTheRoot(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	root := tmpfs(t, 256<<10)
	if err := errors.Join(
		os.MkdirAll(filepath.Join(root, "real", "logs"), 0o700),
		os.Symlink("real", filepath.Join(root, "tmp")),
		os.Symlink("logs", filepath.Join(root, "real", "link")),
		os.Symlink("real/logs/events.jsonl", filepath.Join(root, "events.jsonl")),
	); err != nil {
		t.Fatal(err)
	}
	t.Chdir("/")
	if err := unix.Chroot(root); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Chroot("."); err != nil { // the working directory is still outside
			t.Fatal(err)
		}
	}()
	w := open(t, "/tmp/logs/events.jsonl", Options{})
	w.Write(sample())
	if got := content(t, "/real/logs/events.jsonl"); !strings.HasPrefix(got, marker) {
		t.Errorf("got %q", got)
	}
	for _, path := range []string{"/real/link/events.jsonl", "/tmp/link/events.jsonl", "/events.jsonl"} {
		if w, err := Open(path, Options{}); !errors.Is(err, ErrSymlink) {
			w.Close() //nolint:errcheck // it should be nil
			t.Errorf("Open(%s) said %v, want ErrSymlink", path, err)
		}
	}
}
