package events

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func content(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// records reads the whole log, which must be without fault.
func records(t testing.TB, path string) []Record {
	t.Helper()
	r, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	var all []Record
	for l := range r.All() {
		all = append(all, l.Record())
	}
	if tally := r.Tally(); r.Err() != nil || tally.Unreadable+tally.Held > 0 {
		t.Errorf("%v, %+v, in:\n%.2000s", r.Err(), tally, content(t, path))
	}
	return all
}

func TestWriterWritesEachRecordAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "session", "events.jsonl")
	w := open(t, path, Options{})
	line := lineOf(w, sample())
	for n := 1; n <= 3; n++ {
		w.Write(sample())
		if got := content(t, path); got != strings.Repeat(line, n) {
			t.Fatalf("after %d records the file is %q", n, got)
		}
	}
	if err := errors.Join(w.Flush(), w.Close(), w.Close(), w.Flush()); err != nil {
		t.Error(err)
	}
	w.Write(sample())
	if got := content(t, path); w.Written() != 3 || w.Dropped() != 1 || got != strings.Repeat(line, 3) {
		t.Errorf("after Close: %d written, %d dropped, want 3 and 1", w.Written(), w.Dropped())
	}
	if w.Path() != path {
		t.Errorf("the path is %s, want %s", w.Path(), path)
	}
}

func TestNilWriterAndNilRecord(t *testing.T) {
	var w *Writer
	w.Write(sample())
	w.Reopen()
	if err := errors.Join(w.Flush(), w.Close()); err != nil || w.Path() != "" || w.Written()+w.Dropped() != 0 {
		t.Errorf("a nil Writer said %v, %q, %d, %d", err, w.Path(), w.Written(), w.Dropped())
	}
	path := logPath(t)
	w = open(t, path, Options{})
	w.Write(nil)
	if got := content(t, path); got != "" || w.Written()+w.Dropped() != 0 {
		t.Errorf("a nil record was written as %q", got)
	}
}

func TestOpenRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path string
		opts Options
		says []string
	}{
		{"", Options{}, []string{"path is empty", DefaultPath}},
		{"a\x00b", Options{}, []string{`"a\x00b"`, "NUL"}},
		{dir + "/", Options{}, []string{dir, "names a directory", "name a file in it"}},
		{".", Options{}, []string{"names a directory"}},
		{"..", Options{}, []string{"names a directory"}},
		{"/", Options{}, []string{"names a directory"}},
		{dir, Options{}, []string{dir, "a directory", "name a file in it"}},
		{filepath.Join(dir, strings.Repeat("x", 300)), Options{}, []string{"name too long"}},
		{
			file,
			Options{CheckInterval: -1},
			[]string{"Options.CheckInterval", "-1ns", "Options.CheckInterval is -1ns, want 0 or more"},
		},
		{
			file,
			Options{DrainTimeout: -time.Second},
			[]string{"Options.DrainTimeout", "-1s", "Options.DrainTimeout is -1s, want 0 or more"},
		},
	} {
		w, err := Open(test.path, test.opts)
		if err == nil {
			w.Close() //nolint:errcheck // the test fails anyway
			t.Errorf("Open(%q, %+v) succeeded", test.path, test.opts)
			continue
		}
		for _, part := range append(test.says, "events: ") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Open(%q): %q does not say %q", test.path, err, part)
			}
		}
	}
}

// Lazy makes nothing before there is something to write, and refuses at Open what Open refuses otherwise.
func TestLazy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data", "session", "events.jsonl")
	for _, records := range []int{0, 2} {
		var told []error
		w := open(t, path, Options{Lazy: true, OnError: func(err error) { told = append(told, err) }})
		for range records {
			w.Write(sample())
		}
		if err := w.Close(); err != nil || len(told) > 0 || w.Written() != uint64(records) {
			t.Errorf("Close said %v, told %v, %d written, want %d", err, told, w.Written(), records)
		}
		if _, err := os.Stat(filepath.Join(dir, "data")); errors.Is(err, os.ErrNotExist) != (records == 0) {
			t.Errorf("with %d records the directory: %v", records, err)
		}
	}
	if w, err := Open(dir, Options{Lazy: true}); !errors.Is(err, ErrNotRegular) {
		w.Close() //nolint:errcheck // it should be nil
		t.Errorf("of a directory Open said %v, want %v", err, ErrNotRegular)
	}
}

// A file that ends in a torn line is continued on a new one, in the same write.
func TestWriterClosesATornLine(t *testing.T) {
	for _, torn := range []string{`{"timestamp": "20`, "\x00\x00", "x"} {
		path := logPath(t)
		if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
			t.Fatal(err)
		}
		w := open(t, path, Options{})
		if got := content(t, path); got != torn {
			t.Errorf("Open alone made %q of %q", got, torn)
		}
		w.Write(sample())
		w.Write(sample())
		line := lineOf(w, sample())
		if got := content(t, path); got != torn+"\n"+line+line {
			t.Errorf("got %q", got)
		}
	}
}

// What another process left torn while this one had the file open is noticed at the next look at the path.
func TestWriterClosesANeighboursTornLine(t *testing.T) {
	path := logPath(t)
	w := open(t, path, Options{CheckInterval: time.Nanosecond})
	w.Write(sample())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("torn"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	line := lineOf(w, sample())
	if got := content(t, path); got != line+"torn\n"+line {
		t.Errorf("got %q", got)
	}
}

func TestRedact(t *testing.T) {
	path := logPath(t)
	secret := strings.Repeat("x", MaxField-3) + "SECRET"
	w := open(t, path, Options{Redact: func(s string) string {
		if strings.Contains(s, "BOOM") {
			panic("BOOM")
		}
		return strings.ReplaceAll(strings.ReplaceAll(s, "SECRET", "***"), "failed", "hidden")
	}})
	r := &Record{Session: "SECRET", Type: TypeAttempt, Phase: "SECRET", Message: secret, Details: []Field{
		String(KeyReason, "SECRET"), String("other", "BOOM SECRET"), String(KeyResult, "failed"), Int("n", 1),
	}}
	w.Write(r)
	if r.Phase != "SECRET" || r.Details[0] != String(KeyReason, "SECRET") {
		t.Errorf("Write changed the caller's record: %+v", r)
	}
	got := records(t, path)[0]
	if want := strings.Repeat("x", MaxField-3) + "***"; got.Message != want {
		t.Errorf("the message was cut before it was redacted: …%s", got.Message[len(got.Message)-10:])
	}
	want := []Field{
		String(KeyReason, "***"), String("other", "(left out: Redact panicked)"),
		String(KeyResult, "failed"), Int("n", 1),
	}
	if fmt.Sprint(got.Details) != fmt.Sprint(want) || got.Phase != "***" || got.Session != "SECRET" {
		t.Errorf("got %+v, want details %v, phase ***, session SECRET (which is not for redaction)", got, want)
	}
}

// Many goroutines, each with a record that it uses again at once.
func TestWriterIsSafeForConcurrentUse(t *testing.T) {
	const writers, n = 8, 250 // they all fit into the queue
	path := logPath(t)
	w := open(t, path, Options{Redact: strings.ToUpper})
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			r := numbered(writer, 0, 0)
			for i := range n {
				r.Details[8] = Int("n", int64(i))
				w.Write(r)
				if i%100 == 0 {
					w.Reopen()
				}
			}
		})
	}
	all.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	seen, tally := found(t, path)
	for writer := range writers {
		if missing, doubled := lost(seen, writer, n); missing+doubled > 0 {
			t.Errorf("writer %d: %d lost, %d doubled", writer, missing, doubled)
		}
	}
	inOrder(t, path)
	if w.Written() != writers*n || w.Dropped() != 0 || tally.Unreadable > 0 {
		t.Errorf("%d written, %d dropped, %+v", w.Written(), w.Dropped(), tally)
	}
}

// Encoding and writing allocate nothing.
func TestWriteDoesNotAllocate(t *testing.T) {
	w := open(t, logPath(t), Options{})
	r := sample()
	w.Write(r)
	if n := testing.AllocsPerRun(200, func() { w.Write(r) }); n >= 1 {
		t.Errorf("%v allocations a record, want 0", n)
	}
}

// What was lost is reported on Close when nobody has written since.
func TestCloseReportsLosses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	path := filepath.Join(dir, "events.jsonl")
	w := open(t, path, Options{CheckInterval: time.Nanosecond})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), w.Flush()); err != nil {
		t.Error(err)
	}
	if got := records(t, path); len(got) != 1 || got[0].Type != TypeEventsDropped ||
		got[0].Session != sample().Session {
		t.Errorf("got %+v", got)
	}
}

func TestCloseSaysThatLinesAreLost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	w := open(t, filepath.Join(dir, "events.jsonl"), Options{CheckInterval: time.Nanosecond})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Close said %v, want what is wrong with %s", err, dir)
	}
}
