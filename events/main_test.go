package events

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleVar names what a child process does instead of running the tests: this test binary starts itself.
const roleVar = "BACKSPAN_TEST_ROLE"

// roles are what child processes can do. Each file of tests adds its own.
var roles = map[string]func() error{}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		if err := roles[role](); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// scaled is whole when BACKSPAN_FULL is set (make test-full), and else the short form.
func scaled(short, whole int) int {
	if os.Getenv("BACKSPAN_FULL") != "" {
		return whole
	}
	return short
}

// logPath is a path for a log in a directory of its own.
func logPath(t testing.TB) string { return filepath.Join(t.TempDir(), "events.jsonl") }

func open(t testing.TB, path string, opts Options) *Writer {
	t.Helper()
	w, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() }) //nolint:errcheck // the test closes it itself where the error matters
	return w
}

// lineOf is the line that w writes of r.
func lineOf(w *Writer, r *Record) string { return string(r.append(nil, w.out.origin)) }

// numbered is a record that can be told from all others: writer's n-th, with a line of about size bytes.
func numbered(writer, n, size int) *Record {
	r := sample()
	r.Details = append(r.Details, Int("writer", int64(writer)), Int("n", int64(n)))
	for left := size - 560; left > 0; left -= MaxField {
		r.Details = append(r.Details, String("filler", strings.Repeat("x", min(left, MaxField))))
	}
	return r
}

// found counts how often each numbered record is in the files.
func found(t testing.TB, paths ...string) (map[[2]int]int, Tally) {
	t.Helper()
	seen := map[[2]int]int{}
	var all Tally
	for _, path := range paths {
		r, err := OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for l := range r.All() {
			writer, isNumbered := l.Detail("writer").Float()
			n, _ := l.Detail("n").Float()
			if isNumbered {
				seen[[2]int{int(writer), int(n)}]++
			}
		}
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		all.add(r.Tally())
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	return seen, all
}

// lost says how many of writer's records 0 to n-1 are missing, and how many are there more than once.
func lost(seen map[[2]int]int, writer, n int) (missing, doubled int) {
	for i := range n {
		switch seen[[2]int{writer, i}] {
		case 0:
			missing++
		case 1:
		default:
			doubled++
		}
	}
	return missing, doubled
}

// balanced fails the test unless all that was offered is written or dropped, what was written is in the files once,
// and what was dropped is reported.
func balanced(t *testing.T, w *Writer, offered int, paths ...string) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error("Close:", err)
	}
	if got := w.Written() + w.Dropped(); got != uint64(offered) {
		t.Errorf("%d written + %d dropped are %d, want the %d offered", w.Written(), w.Dropped(), got, offered)
	}
	seen, tally := found(t, paths...)
	for id, n := range seen {
		if n != 1 {
			t.Errorf("record %v is there %d times", id, n)
		}
	}
	if len(seen) != int(w.Written()) {
		t.Errorf("%d records are in the files, want the %d written", len(seen), w.Written())
	}
	if tally.Salvaged > 0 {
		t.Errorf("%d records are glued to a fragment", tally.Salvaged)
	}
	if tally.Unreadable > int64(w.Dropped()) {
		t.Errorf("%d unreadable lines, want at most one for each of the %d dropped", tally.Unreadable, w.Dropped())
	}
	if got := reportedLost(t, paths...); got != int(w.Dropped()) {
		t.Errorf("the log reports %d lost records, want %d", got, w.Dropped())
	}
}

// inOrder fails the test unless the records of each writer are in the file in the order in which it wrote them.
func inOrder(t *testing.T, path string) {
	t.Helper()
	r, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	last := map[float64]float64{}
	for l := range r.All() {
		writer, isNumbered := l.Detail("writer").Float()
		n, _ := l.Detail("n").Float()
		if before, seen := last[writer]; isNumbered && seen && n <= before {
			t.Fatalf("writer %v: record %v comes after %v", writer, n, before)
		}
		last[writer] = n
	}
}

// reportedLost adds up what the records of type events_dropped say.
func reportedLost(t *testing.T, paths ...string) (sum int) {
	t.Helper()
	for _, path := range paths {
		r, err := OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for l := range r.All() {
			if l.Type().Is(TypeEventsDropped) {
				n, _ := l.Detail(KeyCount).Float()
				sum += int(n)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	return sum
}

// toldLost adds up how many lost lines OnError was told of.
func toldLost(told []error) (sum uint64) {
	for _, err := range told {
		if lost, ok := errors.AsType[*LostError](err); ok {
			sum += lost.Lost
		}
	}
	return sum
}

// aMinuteLater has w tell again what is lost.
func aMinuteLater(w *Writer) { w.loss.tellAt.Store(0) }

// eventually waits until ok is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited 30s for: %s", what)
		}
	}
}
