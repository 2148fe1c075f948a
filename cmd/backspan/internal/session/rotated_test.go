package session

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/events"
)

// What stands too far behind in a rotated file to be put in the order of time is said of the list and of the session.
func TestASessionOfRotatedFilesOwnsUpToItsOrder(t *testing.T) {
	attempt := func(second int) string {
		r := events.Record{
			Time: time.Unix(int64(1_800_000_000+second), 0), Session: "s", Type: events.TypeAttempt,
			Level: events.LevelWarning,
			Details: []events.Field{
				events.Int(events.KeyAttemptNumber, 1), events.String(events.KeyOperation, "fetch"),
				events.String(events.KeyResult, "failed"),
			},
		}
		return string(r.Append(nil))
	}
	for behind, want := range map[int]string{logfiles.Window - 1: "", logfiles.Window: "1 event stands out of order"} {
		var older strings.Builder
		for i := range behind {
			older.WriteString(attempt(10 + i))
		}
		older.WriteString(attempt(0))
		path := write(t, "events.jsonl.1", older.String())
		path = strings.TrimSuffix(path, ".1")
		if err := os.WriteFile(path, []byte(attempt(behind+20)), 0o600); err != nil {
			t.Fatal(err)
		}
		log, err := OpenRotated(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := log.Session("")
		if err != nil {
			t.Fatal(err)
		}
		for what, notes := range map[string][]string{"list": log.Notes(), filepath.Base(s.Source): s.Notes} {
			told := slices.IndexFunc(notes, func(note string) bool { return strings.Contains(note, "out of order") })
			if (told >= 0) != (want != "") || want != "" && !strings.HasPrefix(notes[told], want) {
				t.Errorf("%d lines behind, %s: %q, want one that begins with %q", behind, what, notes, want)
			}
		}
	}
}
