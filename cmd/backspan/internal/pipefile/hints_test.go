package pipefile

import (
	"fmt"
	"slices"
	"testing"
)

func TestHintsAtVariablesThatNoShellExpands(t *testing.T) {
	for run, want := range map[string][]string{
		`[curl, "$url"]`:                   {"$url"},
		`[curl, -o, x, "--url=${url}/a"]`:  {"${url}"},
		`[/usr/bin/curl, "${url:-none}"]`:  {"${url:-none}"},
		`["$HOME/bin/job", "$a", b]`:       {"$HOME", "$a"},
		`curl "$url"`:                      nil, // a shell does
		`[sh, -c, "echo $url"]`:            nil,
		`[docker, run, x, /bin/bash, $a]`:  nil,
		`[ssh, host, "echo $HOME"]`:        nil, // another shell does
		`[jq, --arg, v, x, ".a == $v"]`:    nil,
		`[awk, "{print $name}"]`:           nil,
		`[grep, "x$", "$1", "cost: 5$ a"]`: nil, // no variables of the environment
	} {
		const form = "name: n\nphases:\n  - name: p\n    steps:\n      - name: s\n        run: %s\n    fallback: %s\n"
		text := fmt.Sprintf(form, run, run)
		file, err := Parse("f.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", run, err)
			continue
		}
		var got []string
		for _, hint := range file.Hints {
			if hint.Line < 6 || hint.Line > 7 || hint.Column < 10 {
				t.Errorf("%s: the hint stands at %d:%d", run, hint.Line, hint.Column)
			}
			if hint.Line == 6 {
				got = append(got, variableIn(hint.Message))
			}
		}
		if len(file.Hints) != 2*len(want) || !slices.Equal(got, want) {
			t.Errorf("%s: hints %+v, want for %q, at run and fallback", run, file.Hints, want)
		}
	}
}
