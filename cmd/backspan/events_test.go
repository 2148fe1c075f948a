package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/root"
	"github.com/backspan/backspan/events"
)

// What there is no room for is one number, and that it is so is said.
func TestCountByIsBounded(t *testing.T) {
	const values = 2000
	var text []byte
	for i := range values {
		r := events.Record{Type: events.TypeRunStart, Message: fmt.Sprintf("%d%s", i, strings.Repeat("x", 8000))}
		text = r.Append(text)
	}
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code := root.Execute([]string{"events", "count", "--by", "message", path}, strings.NewReader(""), &out, &errOut)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := fmt.Sprintf("%8d  (others)", values-(len(lines)-1))
	if last := lines[len(lines)-1]; last != want {
		t.Errorf("the last line is %.100q, want %q", last, want)
	}
	want = fmt.Sprintf("backspan: more than %d different values: ", len(lines)-1)
	if !strings.HasPrefix(errOut.String(), want) {
		t.Errorf("stderr has %q, want %q", errOut.String(), want)
	}
}
