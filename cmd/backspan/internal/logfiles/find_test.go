package logfiles

import (
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backspan/backspan/events"
)

// found is the names of what Find opens, without that of the log.
func found(t *testing.T, path string) (names []string) {
	t.Helper()
	files := Find(path)
	defer CloseAll(files)
	for _, f := range files {
		if f.Err() != nil {
			t.Errorf("%s: %v", f.Path, f.Err())
		}
		names = append(names, strings.TrimPrefix(f.Path, path))
	}
	return names
}

func TestFindTakesWhatRotationMade(t *testing.T) {
	for _, c := range []struct{ made, want []string }{
		{[]string{"", ".1", ".2.gz", ".10.bz2", ".3.zst"}, []string{".10.bz2", ".3.zst", ".2.gz", ".1", ""}},
		{
			[]string{"", "-20261127", "-20261126.gz", "-20251231"},
			[]string{"-20251231", "-20261126.gz", "-20261127", ""},
		},
		{[]string{"", "-2026-11-27", "-2026-11-26.zst"}, []string{"-2026-11-26.zst", "-2026-11-27", ""}},
		{
			[]string{"-20261127-1764259200", "-20261127-1764259100.gz"},
			[]string{"-20261127-1764259100.gz", "-20261127-1764259200"},
		},
		{
			[]string{"", "-2026112713", "-2026112712", "-1764259200"},
			[]string{"-1764259200", "-2026112712", "-2026112713", ""},
		},
		{[]string{"", "-20261127-13:30:59", ".2026-11-27"}, []string{"-20261127-13:30:59", ".2026-11-27", ""}},
		{[]string{".1"}, []string{".1"}},
		{[]string{"", ".1", ".1.gz"}, []string{".1", ""}}, // which is being compressed
		{
			[]string{
				"", ".bak", ".lock", "~", ".1~", ".1.xz", ".gz", "-old", "-99999999", "-20261399", ".1.bak", "2",
				".1.gz.tmp", ".", ".a1", "-", ".tmp-20261127x",
			}, []string{""},
		},
	} {
		path := filepath.Join(t.TempDir(), "events.jsonl")
		for _, name := range c.made {
			write(t, path+name, "")
		}
		if err := os.Mkdir(path+".9", 0o700); err != nil { // no log
			t.Fatal(err)
		}
		if got := found(t, path); !slices.Equal(got, c.want) {
			t.Errorf("%q: found %q, want %q", c.made, got, c.want)
		}
	}
}

func TestFindSaysThatNothingIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	files := Find(path)
	if len(files) != 1 || files[0].Path != path || !errors.Is(files[0].Err(), os.ErrNotExist) {
		t.Errorf("%+v, want %s, which is not there", files, path)
	}
}

// While a log is rotated and compressed as logrotate does it, each look at it sees every record that was there, once.
func TestRotationWhileLooking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	var written atomic.Int64
	done := make(chan error, 1)
	go func() { done <- rotate(path, 150, &written) }()
	looks := 0
	for ; written.Load() < 150 && len(done) == 0; looks++ {
		least := int(written.Load())
		got, order := messages(t, Find(path))
		if len(got) < least || order.Late > 0 || !slices.Equal(got, counted(0, len(got))) {
			t.Errorf("of at least %d records got %d, %+v: %.300q", least, len(got), order, got)
			break
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("looked %d times", looks)
}

// rotate writes a record into each of many files, and moves all files on by one before the next. The second to last is
// compressed: for some time there are both.
func rotate(path string, many int, written *atomic.Int64) error {
	for n := range many {
		if n > 0 {
			if err := moveOn(path, n); err != nil {
				return err
			}
		}
		if err := os.WriteFile(path, []byte(line(n, fmt.Sprint(n))), 0o600); err != nil {
			return err
		}
		written.Store(int64(n) + 1)
	}
	return nil
}

func moveOn(path string, n int) error {
	for i := n - 1; i > 0; i-- {
		suffix := ""
		if i > 1 {
			suffix = ".gz"
		}
		if err := os.Rename(path+"."+strconv.Itoa(i)+suffix, path+"."+strconv.Itoa(i+1)+suffix); err != nil {
			return err
		}
	}
	if n > 1 {
		if err := compress(path + ".2"); err != nil {
			return err
		}
	}
	return os.Rename(path, path+".1")
}

// compress is what gzip does to a file.
func compress(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	packed, err := os.Create(path + ".gz")
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(packed)
	_, err = zip.Write(text)
	return errors.Join(err, zip.Close(), packed.Close(), os.Remove(path))
}

func TestSinceLeavesOutWhatEndedBefore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.jsonl")
	since := start.Add(24 * time.Hour)
	at := func(name, text string, changed time.Time) {
		write(t, path+name, text)
		if err := os.Chtimes(path+name, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	day := int(24 * time.Hour / time.Millisecond)
	at(".9", numbered(0, 2), start.Add(time.Second))                                  // out
	at(".8.gz", run(t, numbered(0, 2), "gzip", "-c"), start.Add(time.Second))         // out
	at(".7", numbered(0, 2)+line(day, "late")+numbered(1, 3), start.Add(time.Second)) // the last one says so
	at(".6", numbered(day, 2), start.Add(time.Second))                                // a time of change that cannot be
	at(".5.gz", run(t, numbered(day, 2), "gzip", "-c"), start.Add(time.Second))       // as well
	at(".4", "no record\n", start.Add(time.Second))                                   // which is to be said
	at(".3", numbered(0, 2), since.Add(-30*time.Minute))                              // clocks are set
	at("", numbered(0, 2), since.Add(time.Second))                                    // nothing said
	var got []string
	files := Since(Find(path), since)
	for _, f := range files {
		got = append(got, strings.TrimPrefix(f.Path, path))
	}
	if want := []string{".7", ".6", ".5.gz", ".4", ".3", ""}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	n := 0
	isLate := func(l *events.Line) bool { return l.Message().Is("late") }
	_, err := MergeLines(files, isLate, func(*events.Line) error { n++; return nil })
	if CloseAll(files); n != 1 || err != nil {
		t.Errorf("read %d records, %v, want 1 after it was looked how they begin", n, err)
	}
}
