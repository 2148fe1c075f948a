package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

var wroteAt = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// record is a line of an event log.
func record(t *testing.T, at time.Time) string {
	t.Helper()
	r := events.Record{
		Time: at, Type: events.TypeRunStart, Level: events.LevelInfo, Message: "Run nightly started",
		Session: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
	}
	return string(r.Append(nil))
}

// dropped is a record that says that n others were lost.
func dropped(t *testing.T, n int64, why string) string {
	t.Helper()
	r := events.Record{Time: wroteAt, Type: events.TypeEventsDropped, Details: []events.Field{
		events.Int(events.KeyCount, n), events.String(events.KeyReason, why),
	}}
	return string(r.Append(nil))
}

// refused is a record of an operation whose budget was empty.
func refused(t *testing.T, at time.Time, budget string) string {
	t.Helper()
	r := events.Record{Time: at, Type: events.TypeAttempt, Level: events.LevelError, Details: []events.Field{
		events.String(events.KeyOutcome, "budget"), events.String(events.KeyOperation, "load"),
	}}
	if budget != "" {
		r.Details = append(r.Details, events.String(events.KeyBudget, budget))
	}
	return string(r.Append(nil))
}

func TestBudgetsThatWereEmpty(t *testing.T) {
	long, lately := wroteAt.Add(-25*time.Hour), wroteAt.Add(30*time.Minute)
	for _, c := range []struct {
		name, text string
		want       []string // nil: there is nothing to say
	}{
		{"none", record(t, wroteAt), nil},
		{"long ago", refused(t, long, "billing"), nil},
		{
			"two", refused(t, long, "old") + refused(t, wroteAt, "rates") + refused(t, lately, "billing\n"),
			[]string{
				"2 operations", "30 minutes ago: load", "its budget is billing", "--where outcome=budget", "NoBudget",
			},
		},
		{"without a name", refused(t, wroteAt, ""), []string{"1 operation in", "its budget has no name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "log.jsonl", c.text, 0o600)
			report := examineLog(t, "log.jsonl")
			if c.want == nil {
				hasNone(t, report, "budgets", Note)
				return
			}
			has(t, report, "budgets", Note, c.want...)
		})
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask may have changed it
		t.Fatal(err)
	}
}

// examineLog examines an event log, an hour after wroteAt.
func examineLog(t *testing.T, path string) Report {
	t.Helper()
	return examine(t, Setup{
		Config: telemetry.Config{NoExport: true, Events: path},
		now:    func() time.Time { return wroteAt.Add(time.Hour) },
	})
}

func TestTheEventLog(t *testing.T) {
	line := record(t, wroteAt)
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		status     Status
		want       []string
	}{
		{"good", line + line, 0o600, OK, []string{"2 events", "60 minutes ago: Run nightly started"}},
		{"empty", "", 0o600, OK, []string{"has no events"}},
		{"open to others", line, 0o644, Note, []string{"mode 0644", "chmod 600 log.jsonl"}},
		{
			"garbled", line + "nonsense\n" + line + "\x00\x01\n", 0o600, Problem,
			[]string{"2 lines cannot be read", "head -n 1"},
		},
		{"garbled, and yet", line + "nonsense\n" + line, 0o600, OK, []string{"2 events"}},
		{
			"nothing but garbage", "nonsense\n", 0o600, Problem,
			[]string{"1 line cannot be read", "tail -c +1 log.jsonl"},
		},
		{"cut off", line + line[:40], 0o600, Note, []string{"ends within a line (40 bytes)"}},
		{
			"with losses", line + dropped(t, 3, "closed") + line + dropped(t, 4, "disk full"), 0o600, Note,
			[]string{"7 events that could not be written", "disk full"},
		},
		{"a damaged archive", "\x1f\x8b\x08\x00damaged", 0o600, Problem, []string{"log.jsonl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "log.jsonl", c.text, c.mode)
			before, err := os.Stat("log.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			has(t, examineLog(t, "log.jsonl"), "events", c.status, c.want...)
			after, err := os.Stat("log.jsonl")
			if err != nil || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() ||
				after.Mode() != before.Mode() {
				t.Errorf("the examination changed the file: %v, %v, %v", before, after, err)
			}
		})
	}
}

func TestAnEventLogThatIsNotThere(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "file", "", 0o600)
	has(t, examineLog(t, ""), "events", OK, events.DefaultPath, "is not there yet, and can be made")
	has(t, examineLog(t, filepath.Join("file", "log.jsonl")), "events", Problem)
	has(t, examineLog(t, "file/deeper/log.jsonl"), "events", Problem)
	has(t, examineLog(t, "."), "events", Problem, ". is a directory")
	if left, err := os.ReadDir("."); err != nil || len(left) != 1 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestEventsFromTheFuture(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "log.jsonl", record(t, wroteAt.Add(3*time.Hour)), 0o600)
	r := examineLog(t, "log.jsonl")
	has(t, r, "clock", Problem, "the last event was written 2h0m0s later")
	has(t, r, "events", OK, "the last at 2026-11-23T15:00:00Z")
}

func TestAges(t *testing.T) {
	e := &exam{Setup: Setup{now: func() time.Time { return wroteAt }}}
	for age, want := range map[time.Duration]string{
		0: "0s ago", 119 * time.Second: "1m59s ago", 119 * time.Minute: "119 minutes ago", 3 * time.Hour: "3 hours ago",
		73 * time.Hour: "3 days ago", -time.Hour: "at 2026-11-23T13:00:00Z",
	} {
		if got := e.ago(wroteAt.Add(-age)); got != want {
			t.Errorf("%v: got %q, want %q", age, got, want)
		}
	}
	if got := e.ago(time.Time{}); !strings.Contains(got, "no time") {
		t.Error(got)
	}
}
