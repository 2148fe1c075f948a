package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/events"
)

// The readers of others' that the guide names understand a log.
func TestOtherReaders(t *testing.T) {
	page, err := os.ReadFile("guide.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "events.jsonl")
	w, err := events.Open(log, events.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(&events.Record{Time: time.Unix(1, 0), Type: events.TypeRunStart, Message: "Run x started"})
	w.Write(&events.Record{
		Time: time.Unix(2, 0), Type: events.TypeAttempt, Level: events.LevelError, Message: "Autocorrect attempt 4",
		Details: []events.Field{
			events.Int(events.KeyAttemptNumber, 4), events.String(events.KeyResult, "failed"),
			events.String(events.KeyOperation, "load"), events.String(events.KeyError, "refused"),
		},
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	jq := regexp.MustCompile(`(?m)^jq -r '([^']+)' events.jsonl$`).FindSubmatch(page)
	query := regexp.MustCompile(`(?m)^lnav -n -c '([^']+)' events.jsonl$`).FindSubmatch(page)
	if jq == nil || query == nil {
		t.Fatal("guide.md has no command of jq or lnav")
	}
	run := func(name string, args ...string) string {
		command := exec.CommandContext(t.Context(), name, args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		return string(out)
	}
	format, err := filepath.Abs("../deploy/backspan.lnav.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want string }{
		"jq":            {run("jq", "-r", string(jq[1]), log), "\tload\trefused"},
		"lnav installs": {run("lnav", "-i", format), "installed"},
		"lnav shows":    {run("lnav", "-n", log), "error   Autocorrect attempt 4"},
		"lnav counts":   {run("lnav", "-n", "-c", string(query[1]), log), "load"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s: got\n%s\nwant %q", name, c.got, c.want)
		}
	}
}
