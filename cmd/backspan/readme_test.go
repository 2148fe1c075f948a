package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/root"
)

// between returns the text of the guide's code block that follows mark.
func between(t *testing.T, mark string) string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(guide), mark+"\n```")
	_, rest, _ = strings.Cut(rest, "\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("docs/guide.md has no code block after %q", mark)
	}
	return block
}

var (
	times  = regexp.MustCompile(`[0-9.]+(µs|ms|s)\b`)
	chart  = regexp.MustCompile(`[ ┄─━╺╸╶╴✗]*$`)
	spaces = regexp.MustCompile(` +`)
)

// outline leaves out of a waterfall what is different each time: times, the chart and the address of the trace.
func outline(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "Jaeger") || strings.HasPrefix(line, "$ ") ||
			strings.Contains(line, " took  waited") {
			continue
		}
		line = chart.ReplaceAllString(times.ReplaceAllString(line, ""), "")
		lines = append(lines, spaces.ReplaceAllString(line, " "))
	}
	return strings.Join(lines, "\n")
}

// keys lists the keys of a JSON object and of its details, in the order in which they stand.
func keys(t *testing.T, object string) []string {
	t.Helper()
	var list []string
	d := json.NewDecoder(strings.NewReader(object))
	for depth, isKey := 0, false; ; {
		token, err := d.Token()
		if err != nil {
			return list
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' {
				depth, isKey = depth+1, true
			} else {
				depth, isKey = depth-1, true
			}
			continue
		case string:
			if isKey {
				list = append(list, v)
			}
		}
		isKey = !isKey
		if depth == 0 {
			t.Fatalf("no object: %s", object)
		}
	}
}

// The guide's picture of the demo and its event are what the demo prints and writes today.
func TestGuideShowsTheDemo(t *testing.T) {
	picture, event := between(t, "<!-- output of: backspan demo -->"), between(t, "<!-- an event of: backspan demo -->")
	t.Chdir(t.TempDir())
	for name, value := range map[string]string{"COLUMNS": "96", "LC_ALL": "C.UTF-8", "OTEL_TRACES_EXPORTER": "none"} {
		t.Setenv(name, value)
	}
	var out, errOut bytes.Buffer
	if code := root.Execute([]string{"demo"}, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	if got, want := outline(out.String()), outline(picture); got != want {
		t.Errorf("the demo prints\n%s\ndocs/guide.md shows\n%s", got, want)
	}
	log, err := os.ReadFile(filepath.Join("data", "session", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"type": "autocorrect_attempt"`) {
			if got, want := keys(t, line), keys(t, event); !slices.Equal(got, want) {
				t.Errorf("the keys of an event are %q, docs/guide.md shows %q", got, want)
			}
			return
		}
	}
	t.Error("the demo wrote no autocorrect_attempt")
}

// The guide's recovery result is what its example prints.
func TestGuideShowsTheRecovery(t *testing.T) {
	printed, err := os.ReadFile("../../examples/phase-recovery/output.txt")
	if err != nil {
		t.Fatal(err)
	}
	block := strings.TrimSpace(between(t, "<!-- of: examples/phase-recovery -->"))
	if !strings.Contains(string(printed), strings.ReplaceAll("  "+block, "\n", "\n  ")) {
		t.Errorf("examples/phase-recovery/output.txt does not contain\n%s", block)
	}
}
