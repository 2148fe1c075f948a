//go:build unix

package events

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// The guide's own commands, word for word, count what they should on a log full of hostile text, whatever the locale:
// an operation that is given up after 3 retries is 4 lines in the first and 1 in the second.
func TestTheGuidesGrepLines(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	w := open(t, DefaultPath, Options{})
	operations, n := 0, 0
	for _, test := range hostile {
		operations++
		for attempt := range 4 {
			r := sample()
			r.Message, r.Phase = test.text, test.text
			r.Details = []Field{
				Int(KeyAttemptNumber, int64(attempt+1)), String(KeyReason, test.text), String(KeyResult, "retrying"),
			}
			if attempt == 3 {
				r.Level, r.Details[2] = LevelError, String(KeyResult, "failed")
			}
			w.Write(r)
			n++
			r.Type, r.Details[2] = TypePhaseEnd, String(KeyResult, "failed")
			w.Write(r)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, locale := range []string{"C", "C.UTF-8", "POSIX"} {
		for command, want := range map[string]int{
			`grep '"type": "autocorrect_attempt"' data/session/events.jsonl | wc -l`:                             n,
			`grep '"type": "autocorrect_attempt"' data/session/events.jsonl | grep '"result": "failed"'`:         operations,
			`grep '"type": "autocorrect_attempt"' data/session/events.jsonl | grep '"result": "failed"' | wc -l`: operations,
		} {
			cmd := exec.Command("sh", "-c", command)
			cmd.Env = append(os.Environ(), "LC_ALL="+locale)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			got := strings.Count(string(out), "\n")
			if strings.HasSuffix(command, "wc -l") {
				if text := strings.TrimSpace(string(out)); text != strconv.Itoa(want) {
					t.Errorf("%s, %s: got %s, want %d", locale, command, text, want)
				}
			} else if got != want {
				t.Errorf("%s, %s: got %d lines, want %d", locale, command, got, want)
			}
		}
	}
}
