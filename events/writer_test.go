package events

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriterWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "session", "events.jsonl")
	w, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	w.Write(sample())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := string(sample().Append(nil))
	if string(got) != line+line {
		t.Errorf("got %s", got)
	}
}
