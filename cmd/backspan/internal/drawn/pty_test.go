//go:build unix

package drawn

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/backspan/backspan/cmd/backspan/internal/live"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// await waits until what the screen shows satisfies ok.
func (v *vt) await(what string, ok func(text string) bool) {
	v.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !ok(v.text()) {
		select {
		case <-v.changed:
		case <-deadline.C:
			v.t.Fatalf("waiting for %s, the screen shows\n%s", what, v.text())
		}
	}
}

func (v *vt) awaitText(text string) {
	v.t.Helper()
	v.await(text, func(shown string) bool { return strings.Contains(shown, text) })
}

var countdown = regexp.MustCompile(`attempt 2/4 in (\d\.\d)s  ┄+ *  ✗ connection refused`)

// awaitCountdown waits until fewer than so many seconds are left of the wait that is shown, and returns how many are.
func (v *vt) awaitCountdown(below float64) (left float64) {
	v.t.Helper()
	v.await(fmt.Sprintf("a countdown below %.1fs", below), func(shown string) bool {
		found := countdown.FindStringSubmatch(shown)
		if found == nil {
			return false
		}
		left, _ = strconv.ParseFloat(found[1], 64) // it is a number
		return left < below
	})
	return left
}

// The whole way: a real terminal, its size, its driver, and what is left of it at the end.
func TestLiveOnARealTerminal(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	screen := newVT(t, 80, 24)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		// It ends with an error when the last of the other side is closed.
		_, _ = io.Copy(screen, master)
	}()

	env := map[string]string{"TERM": "xterm-256color", "LANG": "C.UTF-8"}
	view := live.New(tty, live.OptionsFor(term.Of(tty, func(name string) string { return env[name] })))
	e := newEngine(t, view)
	ctx, run := e.start(t.Context(), scope.Frame{}, semconv.KindRun, "demo")
	e.startWaiting(ctx, "fetch_prices_of_all")

	left := screen.awaitCountdown(8)
	screen.awaitCountdown(left)
	view.Printf("a line from elsewhere")
	screen.awaitText("a line from elsewhere\n▸ demo")

	screen.resize(40, 24)
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 40, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	screen.awaitText("┄ fetch_prices…  attempt 2/4 in")

	run.End()
	view.Stop()
	if _, err := io.WriteString(tty, "the end\n"); err != nil {
		t.Fatal(err)
	}
	screen.awaitText("the end")
	text := screen.text()
	if !strings.HasPrefix(text, "a line from elsewhere\n") || !strings.HasSuffix(text, "\nthe end\n") ||
		strings.Contains(text, "fetch") && strings.Count(text, "\n") > 5 {
		t.Errorf("at the end the screen shows\n%s", text)
	}
	screen.checkTidy()
	if err := tty.Close(); err != nil {
		t.Error(err)
	}
	<-copied
	if err := master.Close(); err != nil {
		t.Error(err)
	}
}

// A program whose standard error is closed goes on. (The Go runtime ends programs that write there.)
func TestLiveOnAClosedStandardError(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append(os.Environ(), helperVariable+"=1")
	program.Stderr = writer
	out, err := program.Output()
	if err != nil || string(out) != "still there\n" {
		t.Errorf("the program ended with %v and printed %q, want no error and %q", err, out, "still there\n")
	}
	if err := writer.Close(); err != nil {
		t.Error(err)
	}
}
