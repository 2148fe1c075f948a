package logfiles

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// line is a record of so many milliseconds after start with a message.
func line(ms int, message string) string {
	r := events.Record{
		Time: start.Add(time.Duration(ms) * time.Millisecond), Session: "s", Type: events.TypeRunStart,
		Level: events.LevelInfo, Message: message,
	}
	return string(r.Append(nil))
}

// numbered is n lines from the millisecond first on.
func numbered(first, n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(line(first+i, fmt.Sprint(first+i)))
	}
	return text.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a command with input, and returns what it writes.
func run(t *testing.T, input string, name string, args ...string) string {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in")
	write(t, in, input)
	file, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it is only read
	c := exec.CommandContext(t.Context(), name, args...)
	c.Stdin = file
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

func all(*events.Line) bool { return true }

// messages are those of the merged files, which it closes.
func messages(t *testing.T, files []*File) ([]string, Order) {
	t.Helper()
	var got []string
	order, err := MergeLines(files, all, func(l *events.Line) error {
		got = append(got, l.Message().Text())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	CloseAll(files)
	return got, order
}

// counted is the numbers from first to before end, as texts.
func counted(first, end int) (list []string) {
	for i := first; i < end; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %d messages %.300q, want %d: %.300q", len(got), got, len(want), want)
	}
}
