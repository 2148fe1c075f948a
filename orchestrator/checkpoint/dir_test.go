package checkpoint_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backspan/backspan/orchestrator/checkpoint"
)

func openDir(t *testing.T, dir, id string) checkpoint.Journal {
	t.Helper()
	j, err := checkpoint.Dir(dir).Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func appendAll(t *testing.T, j checkpoint.Journal, records ...string) {
	t.Helper()
	for _, r := range records {
		if err := j.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
}

func readAll(t *testing.T, j checkpoint.Journal) string {
	t.Helper()
	records, err := j.Read()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.Join(records, []byte(" ")))
}

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d files, error %v; want one", len(entries), err)
	}
	return filepath.Join(dir, entries[0].Name())
}

func TestADirectoryKeepsJournals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	store := checkpoint.Dir(dir)
	for saved, err := range store.List(t.Context()) {
		t.Errorf("a directory that is not there has %+v, error %v", saved, err)
	}
	if err := store.Remove(t.Context(), "nobody"); err != nil {
		t.Error(err)
	}
	j := openDir(t, dir, runID)
	equal(t, "new", readAll(t, j), "")
	appendAll(t, j, `{"head":{"run_id":"`+runID+`"}}`, `{"n":2}`)
	if _, err := store.Open(t.Context(), runID); !errors.Is(err, checkpoint.ErrLocked) {
		t.Errorf("opened twice: %v, want ErrLocked", err)
	}
	if err := store.Remove(t.Context(), runID); !errors.Is(err, checkpoint.ErrLocked) {
		t.Errorf("removed while it is open: %v, want ErrLocked", err)
	}
	list := func(open bool) {
		t.Helper()
		n := 0
		for saved, err := range store.List(t.Context()) {
			n++
			if err != nil || saved.ID != runID || saved.Open != open || len(saved.Records) != 2 {
				t.Errorf("%+v, error %v; want both records, open %v", saved, err, open)
			}
		}
		equal(t, "journals", n, 1)
	}
	list(true)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	list(false)
	again := openDir(t, dir, runID)
	appendAll(t, again, `{"n":3}`)
	equal(t, "kept", readAll(t, again), `{"head":{"run_id":"`+runID+`"}} {"n":2} {"n":3}`)
	if err := errors.Join(again.Close(), store.Remove(t.Context(), runID)); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%d files are left", len(entries))
	}
}

// An id is the program's own text, and no path.
func TestAnyIDHasAFileOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	ids := []string{runID, strings.ToUpper(runID), "../escape", "a/b", "con.", "-x", "", strings.Repeat("x", 1000), "ü"}
	for _, id := range ids {
		j := openDir(t, dir, id)
		equal(t, id+": of another id", readAll(t, j), "")
		appendAll(t, j, `{}`)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != len(ids) {
		t.Errorf("%d files, want %d", len(entries), len(ids))
	}
}

// What a kill or the loss of power leaves of the last line is cut off, at whichever byte that was.
func TestATornEndIsCut(t *testing.T) {
	dir := t.TempDir()
	j := openDir(t, dir, runID)
	appendAll(t, j, `{"n":1}`, `{"n":2}`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := onlyFile(t, dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := len(text) / 2
	// its end came first
	torn := [][]byte{append(append([]byte{}, text[:line]...), append(make([]byte, line-1), '\n')...)}
	for n := line; n < len(text); n++ {
		torn = append(torn, text[:n])
	}
	for _, text := range torn {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		j := openDir(t, dir, runID)
		equal(t, "records", readAll(t, j), `{"n":1}`)
		appendAll(t, j, `{"n":3}`)
		equal(t, "records", readAll(t, j), `{"n":1} {"n":3}`)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Damage anywhere else is an error with the line, and nothing is changed.
func TestDamageIsToldAndKept(t *testing.T) {
	dir := t.TempDir()
	j := openDir(t, dir, runID)
	appendAll(t, j, `{"n":1}`, `{"n":2}`, `{"n":3}`)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	path := onlyFile(t, dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := len(text) / 3
	for i := range 2 * line {
		bad := bytes.Clone(text)
		bad[i] ^= 4
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := checkpoint.Dir(dir).Open(t.Context(), runID)
		damage, ok := errors.AsType[*checkpoint.CorruptError](err)
		if !ok || damage.Journal != path || damage.Record != 1+i/line {
			t.Fatalf("byte %d: %v, want an error about line %d of %s", i, err, 1+i/line, path)
		}
		if left, _ := os.ReadFile(path); !bytes.Equal(left, bad) {
			t.Fatalf("byte %d: the file was changed", i)
		}
	}
}
