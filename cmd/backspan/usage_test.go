package main

import (
	"strings"
	"testing"
)

// An error names what was typed and what would be right, and the exit code tells what kind it is.
func TestWhatIsTypedWrong(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // how stderr begins
		code int
	}{
		{"demo x", `backspan: "x" is one argument too many, want backspan demo [flags]`, 2},
		{"doctor x", `backspan: "x" is one argument too many, want backspan doctor [flags]`, 2},
		{"run a b", `backspan: "b" is one argument too many, want backspan run [pipeline.yaml] [flags]`, 2},
		{"init a b", `backspan: "b" is one argument too many, want backspan init [pipeline.yaml] [flags]`, 2},
		{"show a b", `backspan: "b" is one argument too many, want backspan show `, 2},
		{"report a b", `backspan: "b" is one argument too many, want backspan report `, 2},
		{"events follow a b", `backspan: "b" is one argument too many, want backspan events follow [FILE] [flags]`, 2},
		{"man", "backspan: an argument is missing, want backspan man DIR [flags]", 2},
		{
			"exec --base-delay 1h --max-delay 1s -- x",
			`backspan: --base-delay is "1h", want at most --max-delay, which is 1s`, 125,
		},
		{"demo --base-delay -1h", `backspan: --base-delay is "-1h", want 0 or more`, 2},
		{"run none.yaml", "backspan: open none.yaml: ", 2},
		{"show none.json", "backspan: none.json: ", 2},
		{"report none.json", "backspan: none.json: ", 2},
		{"events none.jsonl", "backspan: none.jsonl is not there", 2},
		{"show x --session y", `backspan: "x" and --session "y" are two sessions`, 2},
		{"show x", "backspan: there is no data/session/trace.json or data/session/events.jsonl here", 2},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			output, code := backspanIn(t, nil, strings.Fields(c.args)...)
			if code != c.code || !strings.HasPrefix(output, c.want) {
				t.Errorf("exit code %d, want %d and %q\n%s", code, c.code, c.want, output)
			}
		})
	}
}
