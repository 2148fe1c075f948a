package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/root"
	"github.com/backspan/backspan/events"
)

// output is what the command line args prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := root.Execute(args, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("%q: exit code %d\n%s", args, code, errOut.String())
	}
	return out.String()
}

// offers are what a shell is told about the last of args.
func offers(t *testing.T, args ...string) (words []string, directive string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(output(t, append([]string{"__complete"}, args...)...)), "\n")
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words, lines[len(lines)-1]
}

func TestCompletions(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args      []string
		want      []string
		directive string // 0: files, when there is no word; 4: none; 16: directories
	}{
		{[]string{"doc"}, []string{"doctor"}, ":4"},
		{[]string{"demo", "--scenario", "f"}, []string{"flaky"}, ":4"},
		{[]string{"demo", "--color", ""}, []string{"auto", "always", "never"}, ":4"},
		{[]string{"doctor", "--otlp-ins"}, []string{"--otlp-insecure"}, ":4"},
		{[]string{"doctor", "--otlp-endpoint", "localhost:43"}, []string{"localhost:4317", "localhost:4318"}, ":4"},
		{[]string{"demo", "--service", ""}, nil, ":4"},
		{[]string{"demo", "--sample", ""}, nil, ":4"},
		{[]string{"exec", "--redact", ""}, []string{"off"}, ":4"},
		{[]string{"demo", "--events", ""}, nil, ":0"},
		{[]string{"demo", "--trace-file", ""}, nil, ":0"},
		{[]string{"help", "events", "st"}, []string{"stats"}, ":4"},
		{[]string{"man", ""}, nil, ":16"},
		{[]string{"whatif", "--policy", "jitter=full "}, []string{"jitter=full budget="}, ":6"},
	} {
		words, directive := offers(t, c.args...)
		// The shells choose among the words; where there are none, there must be none.
		missing := slices.ContainsFunc(c.want, func(word string) bool { return !slices.Contains(words, word) })
		if missing || len(c.want) == 0 && len(words) > 0 || directive != c.directive {
			t.Errorf("%q: %q %s, want %q %s", c.args, words, directive, c.want, c.directive)
		}
	}
}

// Names, sessions and traces come from the logs that are typed already, else from the default one.
func TestCompletionsOfEvents(t *testing.T) {
	t.Chdir(t.TempDir())
	text := func(phase, operation string, trace byte) []byte {
		r := events.Record{
			Session: "session of " + phase, Type: events.TypeAttempt, Phase: phase, TraceID: [16]byte{trace},
			Details: []events.Field{events.String(events.KeyOperation, operation)},
		}
		none := events.Record{Type: events.TypeRunStart, Phase: "escape\x1b[31m"}
		return none.Append(r.Append(nil))
	}
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write(text("third", "parse", 3)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		zip.Close(),
		os.MkdirAll("data/session", 0o700),
		os.WriteFile("data/session/events.jsonl", text("first", "load", 1), 0o600),
		os.WriteFile("other.jsonl", text("second", "fetch", 2), 0o600),
		os.WriteFile("other.jsonl.1.gz", zipped.Bytes(), 0o600),
		os.WriteFile("notes.txt", nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args      string
		want      string // all of them, but for those that the shell leaves out
		directive string
	}{
		{"events |", "count follow list stats data/session/events.jsonl other.jsonl other.jsonl.1.gz", ":0"},
		{"events ot|", "other.jsonl other.jsonl.1.gz", ":0"},
		{"events data/|", "data/session/events.jsonl", ":0"},
		{"events list |", "", ":0"},
		{"events stats other.jsonl |", "", ":0"},
		{"events follow |", "", ":0"},
		{"events --phase |", "first", ":4"},
		{"events other.jsonl --phase |", "second", ":4"},
		{"events list other.jsonl --phase |", "second", ":4"},
		{"events other.jsonl data/session/events.jsonl --phase |", "first second", ":4"},
		{"events other.jsonl.1.gz nowhere . --operation |", "parse", ":4"},
		{"events count --operation |", "load", ":4"},
		{"whatif other.jsonl --operation |", "fetch", ":4"},
		{"events stats --session sess|", "session of first", ":4"},
		{"events --trace |", "01000000000000000000000000000000", ":4"},
		{"events other.jsonl --trace=02|", "02000000000000000000000000000000", ":4"},
		{"events --level |", "error info warning", ":4"},
		{"events --type phase|", "phase_attempt_failed phase_end phase_start", ":4"},
		{"events --type fall|", "fallback_attempt", ":4"},
		{"events --result |", "cancelled deadline failed retrying skipped success", ":4"},
		{"events --where error|", "error= error_type=", ":6"},
		{"events --where reco|", "recovery_attempts= recovery_message=", ":6"},
		{"events count --by attempt|", "attempt_number", ":4"},
		{"events stats --by |", "error host operation phase pid service session_id", ":4"},
		{"events stats --per |", "10m 1d 1h 1m", ":4"},
		{"events stats --compare-to 1|", "1d 1h 1w", ":4"},
		{"events --format |", "csv json text", ":4"},
		{"events --since |", "15m 1d 1h 1w today yesterday", ":4"},
	} {
		args := strings.Split(strings.TrimSuffix(c.args, "|"), " ")
		typed := args[len(args)-1]
		typed = typed[strings.IndexByte(typed, '=')+1:]
		words, directive := offers(t, args...)
		words = slices.DeleteFunc(words, func(word string) bool { return !strings.HasPrefix(word, typed) })
		want := strings.Fields(c.want)
		if strings.Contains(c.args, "--session") {
			want = []string{c.want}
		}
		slices.Sort(words)
		slices.Sort(want)
		if !slices.Equal(words, want) || directive != c.directive {
			t.Errorf("%s: %q %s, want %q %s", c.args, words, directive, want, c.directive)
		}
	}
}

// A real bash, with what its completion package brings replaced by the one function that is called: it may not be
// installed.
const bashDriver = `
_get_comp_words_by_ref() {
	while [ "${1#-}" != "$1" ]; do shift 2; done
	words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD
	cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}
}
unset -f _init_completion
source <(backspan completion bash)
spec=$(complete -p backspan) || exit 3
function=${spec#*-F }; function=${function%% *}
ask() {
	COMP_WORDS=(backspan "$@"); COMP_CWORD=$#
	COMP_LINE="backspan $*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMPREPLY=()
	"$function" backspan "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null
	echo "$*: ${COMPREPLY[*]}"
}
ask doc
ask demo --scen
ask demo --scenario fl
ask doctor --color nev
ask events co
echo >log.jsonl
ask events log
ask events count log.jsonl --where error
ask events --level w
`

func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatalf("this test needs bash: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "backspan")); err != nil { // testscript.Main goes by the name
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), bash, "--noprofile", "--norc", "-c", bashDriver)
	shell.Dir = dir
	shell.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "BACKSPAN_CONFIG=off")
	printed, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	for _, want := range []string{
		"doc: doctor", "demo --scen: --scenario", "demo --scenario fl: flaky", "doctor --color nev: never",
		"events co: count",
		"events log: log.jsonl", "events count log.jsonl --where error: error= error_type=",
		"events --level w: warning",
	} {
		found := false
		for line := range strings.Lines(string(printed)) {
			found = found || strings.TrimSpace(line) == want
		}
		if !found {
			t.Errorf("no line %q in\n%s", want, printed)
		}
	}
}

// Each script asks the program itself, in its shell's own words, and stdout has nothing else.
func TestCompletionScripts(t *testing.T) {
	for shell, words := range map[string][]string{
		"bash":       {"complete -o default -F __start_backspan backspan", "__complete"},
		"zsh":        {"#compdef backspan", "compdef _backspan backspan", "__complete"},
		"fish":       {"complete -c backspan", "__complete"},
		"powershell": {"Register-ArgumentCompleter", "__complete"},
	} {
		script := output(t, "completion", shell)
		for _, want := range words {
			if !strings.Contains(script, want) {
				t.Errorf("%s: no %q in the script", shell, want)
			}
		}
	}
}
