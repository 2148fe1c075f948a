package pipefile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestHintsAtWhatNoShellReads(t *testing.T) {
	for run, want := range map[string][]string{
		`[curl, "$url"]`:                      {"$url"},
		`[curl, -o, x, "--url=${url}/a"]`:     {"${url}"},
		`[/usr/bin/curl, "${url:-none}"]`:     {"${url:-none}"},
		`["$HOME/bin/job", "$a", b]`:          {"$HOME", "$a"},
		`curl "$url"`:                         nil, // a shell does
		`[sh, -c, "echo $url"]`:               nil,
		`[docker, run, x, /bin/bash, $a]`:     nil,
		`[ssh, host, "echo $HOME"]`:           nil, // another shell does
		`[jq, --arg, v, x, ".a == $v"]`:       nil,
		`[awk, "{print $name}"]`:              nil,
		`[grep, "x$", "$1", "cost: 5$ a"]`:    nil, // no variables of the environment
		`[tar, czf, "b-$(date +%F).tgz"]`:     {"$(date +%F)"},
		"[touch, \"x-`hostname`.log\"]":       {"`hostname`"},
		"[notify, \"see `make test` there\"]": nil,
		`[ls, "~/x", "~"]`:                    {"~", "~"},
		`[ls, "a~", "x/~/y", "~bob/x"]`:       nil,
		`["~/bin/job", a]`:                    {"~"},
		`[rm, -rf, "*.txt", "/tmp/x/*"]`:      {"*.txt", "/tmp/x/*"},
		`[find, ., -name, "*.txt"]`:           nil, // find reads it
		`[rsync, -a, "--exclude=*.o", a]`:     nil,
		`[psql, -c, "select * from a"]`:       nil,
		`[expr, 2, "*", 3]`:                   nil,
		`[cd, x, "&&", ls, "|", wc]`:          {"&&", "|"},
		`[date, ">", out, "2>&1"]`:            {">", "2>&1"},
		`[date, ">out.txt", "2>/dev/null"]`:   {">out.txt", "2>/dev/null"},
		`[pip, install, ">=1.0", "a>1"]`:      nil,
		`[sort, -t, "|", f]`:                  nil,
		`[expr, a, "|", b]`:                   nil,
		`[test, 1, "<", 2]`:                   nil,
		`[find, ., -exec, ls, "{}", ";"]`:     nil,
		`[ssh, h, cd, x, "&&", ls, ">", y]`:   nil,
		`[git, commit, -m, "a && b > c"]`:     nil, // text for people
		`[printf, "%s\n", ">"]`:               nil,
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
				_, part, _ := strings.Cut(hint.Message, "of a list: ")
				part, _, _ = strings.Cut(part, " stays as it is")
				got = append(got, part)
			}
		}
		if len(file.Hints) != 2*len(want) || !slices.Equal(got, want) {
			t.Errorf("%s: hints %+v, want for %q, at run and fallback", run, file.Hints, want)
		}
	}
}
