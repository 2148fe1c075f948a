//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// onTerminal is what backspan events with args prints on a terminal of so many columns, line by line.
func onTerminal(t *testing.T, columns uint16, locale string, args ...string) []string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "backspan", append([]string{"events"}, args...)...)
	c.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL="+locale, "NO_COLOR=1", "TZ=")
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 40, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	seen, _ := io.ReadAll(terminal) // Linux ends it with an error
	if err := c.Wait(); err != nil {
		t.Errorf("%q: %v: %s", args, err, seen)
	}
	if err := terminal.Close(); err != nil {
		t.Error(err)
	}
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(seen), "\r", "")), "\n")
}

// Whatever is asked, a terminal gets lines that fit, and one without Unicode gets ASCII.
func TestEventsFitTheTerminal(t *testing.T) {
	files := newHistory().files(t)
	since := "--since=" + deployBegin.Format("2006-01-02T15:04:05Z07:00")
	for _, columns := range []uint16{80, 120} {
		for _, locale := range []string{"C.UTF-8", "C"} {
			for _, args := range [][]string{
				{"list", since},
				{"stats"},
				{"stats", "--by", "error"},
				{"stats", "--by", "pid"},
				{"stats", "--times"},
				{"stats", "--loops"},
				{"stats", "--per", "1h"},
				{"stats", since, "--compare-to", "1d"},
				{"count", "--by", "error"},
			} {
				t.Run(fmt.Sprintf("%d columns, %s, %s", columns, locale, strings.Join(args, " ")), func(t *testing.T) {
					lines := onTerminal(t, columns, locale, append(args, files...)...)
					for _, line := range lines {
						if text.Width(line) > int(columns) {
							t.Errorf("%d columns: %s", text.Width(line), line)
						}
						if locale == "C" && strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
							t.Errorf("not ASCII: %s", line)
						}
					}
					if len(lines) < 3 {
						t.Errorf("%q", lines)
					}
				})
			}
		}
	}
	bars := onTerminal(t, 80, "C.UTF-8", append([]string{"stats", "--per", "1h"}, files...)...)
	longest := slices.MaxFunc(bars, func(a, b string) int { return strings.Count(a, "█") - strings.Count(b, "█") })
	if !strings.HasPrefix(longest, "2026-11-25 16:00:00Z") || strings.Count(longest, "█") < 20 {
		t.Errorf("the longest bar is\n%s", longest)
	}
	narrow := strings.Join(onTerminal(t, 40, "C.UTF-8", append([]string{"stats", "--per", "1h"}, files...)...), "\n")
	if !strings.Contains(narrow, "\n2026-11-25 16:00:00Z ") || strings.Contains(narrow, "█") {
		t.Errorf("where a bar does not fit the times are not whole:\n%s", narrow)
	}
	if piped := ask(t, append([]string{"stats", "--per", "1h"}, files...)...); strings.Contains(piped, "█") {
		t.Error("a pipe gets bars")
	}
}
