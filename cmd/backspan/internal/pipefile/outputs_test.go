package pipefile

import (
	"fmt"
	"strings"
	"testing"
)

// Which outputs a shell's text names, and which of these it cannot do without.
func TestMentions(t *testing.T) {
	outputs := map[string]StepOutput{"BACKSPAN_OUTPUT_A_B": {}, "BACKSPAN_OUTPUT_A_": {}, "BACKSPAN_OUTPUT_A_B_C": {}}
	for text, want := range map[string]string{
		`echo`:                                          ``,
		`rm -rf "$BACKSPAN_OUTPUT_A_B"`:                 `BACKSPAN_OUTPUT_A_B`,
		`$BACKSPAN_OUTPUT_A_B-C`:                        `BACKSPAN_OUTPUT_A_B`,
		`$BACKSPAN_OUTPUT_A_Bc`:                         `BACKSPAN_OUTPUT_A_Bc`,
		`${BACKSPAN_OUTPUT_A_B}`:                        `BACKSPAN_OUTPUT_A_B`,
		`${BACKSPAN_OUTPUT_A_B%-*}`:                     `BACKSPAN_OUTPUT_A_B`,
		`${BACKSPAN_OUTPUT_A_B:0:3}`:                    `BACKSPAN_OUTPUT_A_B`,
		`${BACKSPAN_OUTPUT_A_B:`:                        `BACKSPAN_OUTPUT_A_B`,
		`${#BACKSPAN_OUTPUT_A_B}`:                       `BACKSPAN_OUTPUT_A_B`,
		`${!BACKSPAN_OUTPUT_A_B}`:                       `BACKSPAN_OUTPUT_A_B`,
		`printenv BACKSPAN_OUTPUT_A_B`:                  `BACKSPAN_OUTPUT_A_B`,
		`$BACKSPAN_OUTPUT_A_B-default`:                  `BACKSPAN_OUTPUT_A_B`,
		`${BACKSPAN_OUTPUT_A_B-x}`:                      ``,
		`${BACKSPAN_OUTPUT_A_B:-}`:                      ``,
		`${BACKSPAN_OUTPUT_A_B+x}`:                      ``,
		`${BACKSPAN_OUTPUT_A_B:+x}`:                     ``,
		`${BACKSPAN_OUTPUT_A_B=x}`:                      ``,
		`${BACKSPAN_OUTPUT_A_B:=x}`:                     ``,
		`${BACKSPAN_OUTPUT_A_B?}`:                       ``,
		`${BACKSPAN_OUTPUT_A_B:?}`:                      ``,
		`${BACKSPAN_OUTPUT_A_B-$BACKSPAN_OUTPUT_A_B}`:   `BACKSPAN_OUTPUT_A_B`,
		`${BACKSPAN_OUTPUT_A_B-} $BACKSPAN_OUTPUT_A_B`:  `BACKSPAN_OUTPUT_A_B`,
		`MY_BACKSPAN_OUTPUT_A_B=1`:                      ``,
		`env | grep BACKSPAN_OUTPUT_`:                   ``,
		`${!BACKSPAN_OUTPUT_*}`:                         ``,
		`$BACKSPAN_OUTPUT_`:                             `BACKSPAN_OUTPUT_`,
		`grep BACKSPAN_OUTPUT_A_B_`:                     ``,
		`grep BACKSPAN_OUTPUT_A_`:                       `BACKSPAN_OUTPUT_A_`, // a step whose name ends with a dot
		`grep BACKSPAN_OUTPUT_C_`:                       `BACKSPAN_OUTPUT_C_`,
		"# $BACKSPAN_OUTPUT_A_B\necho":                  ``,
		"echo # it's \n\t # $BACKSPAN_OUTPUT_A_B":       ``,
		"echo 1 # $BACKSPAN_OUTPUT_A_B":                 `BACKSPAN_OUTPUT_A_B`,
		"echo '\n# $BACKSPAN_OUTPUT_A_B'":               `BACKSPAN_OUTPUT_A_B`,
		"echo \"\\\"\n# $BACKSPAN_OUTPUT_A_B\"":         `BACKSPAN_OUTPUT_A_B`,
		"cat <<EOF\n# $BACKSPAN_OUTPUT_A_B\nEOF":        `BACKSPAN_OUTPUT_A_B`,
		"echo ${x#y}; rm \"$BACKSPAN_OUTPUT_A_B\" # no": `BACKSPAN_OUTPUT_A_B`,
	} {
		got := ""
		for _, m := range mentions(withoutComments(text), outputs) {
			if !m.handled {
				got = m.name
			}
		}
		if got != want {
			t.Errorf("%s: names %q, want %q", text, got, want)
		}
	}
}

// What puts a name together is refused where it stands: nobody could say whether the output is there.
func TestComputedNames(t *testing.T) {
	for text, computed := range map[string]bool{
		`eval "x=\$BACKSPAN_OUTPUT_${p}_B"`:     true,
		`printenv BACKSPAN_OUTPUT_$p`:           true,
		`printenv "BACKSPAN_OUTPUT_A_"$p`:       true,
		`printenv BACKSPAN_OUTPUT_A_B$p`:        true,
		`eval "echo \$BACKSPAN_OUTPUT_A_B$p"`:   true,
		`eval 'x=$BACKSPAN_OUTPUT_'$p`:          true,
		`x=BACKSPAN_OUTPUT_$(echo A_B)`:         true,
		"x=BACKSPAN_OUTPUT_`echo A_B`":          true,
		`printenv BACKSPAN_OUTPUT_{A,C}_B`:      true,
		`printf 'BACKSPAN_OUTPUT_%s' "$p"`:      true,
		`f"BACKSPAN_OUTPUT_{p}_B"`:              true,
		`os.environ["BACKSPAN_OUTPUT_" + p]`:    true,
		`echo "$BACKSPAN_OUTPUT_A_B$p"`:         false,
		`echo "${BACKSPAN_OUTPUT_A_B}$p"`:       false,
		`echo \\$BACKSPAN_OUTPUT_A_B$p`:         false,
		`echo "$BACKSPAN_OUTPUT_A_B"{a,b}`:      false,
		`env | grep '^BACKSPAN_OUTPUT_' >$f`:    false,
		`echo ${!BACKSPAN_OUTPUT_@}`:            false,
		`env | grep "BACKSPAN_OUTPUT_" "$file"`: false,
	} {
		const form = "name: n\nphases:\n  - name: a\n    steps:\n      - {name: b, run: x, output: text}\n" +
			"      - name: c\n        run: |\n          p=A\n          %s\n"
		_, err := Parse("f.yaml", fmt.Appendf(nil, form, text))
		if got := err != nil; got != computed {
			t.Errorf("%s: %v, want it refused: %v", text, err, computed)
		} else if got && !strings.HasPrefix(err.Error(), "f.yaml:9:") || got &&
			!strings.HasSuffix(err.Error(), "; want the whole name, such as BACKSPAN_OUTPUT_A_B") {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
}

// Of a graph and of a sequence, also when Select has left out what was between.
func TestUpstream(t *testing.T) {
	graph := head + one("d", "needs: [b, c]") + one("b", "needs: [a]") + one("c", "needs: [a]") +
		one("a", "") + one("x", "")
	for _, c := range []struct {
		text string
		only []string
		want string
	}{
		{graph, nil, "d[b c a] b[a] c[a] a[] x[]"},
		{graph, []string{"d", "x"}, "d[b c a] x[]"},
		{head + one("a", "") + one("b", "") + one("c", ""), []string{"c"}, "c[a b]"},
		{head + one("a", "needs: []") + one("clean", "if: always") + one("c", ""), nil, "a[] clean[a] c[]"},
	} {
		file, err := Parse("f", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		part, err := file.Select(c.only, "")
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		upstream := part.Upstream()
		for _, phase := range part.Phases {
			list = append(list, fmt.Sprintf("%s%v", phase.Name, upstream[phase.Name]))
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("only %v of\n%s%s, want %s", c.only, c.text, got, c.want)
		}
	}
}

// What can be taken from another run of the same file, and what cannot.
func TestFingerprint(t *testing.T) {
	file := func(text string) *File {
		t.Helper()
		f, err := Parse("f", []byte(head+text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const a, b = "  - {name: a, steps: [{name: s, run: x, output: text}]}\n",
		"  - {name: b, steps: [{name: t, run: y}]}\n"
	want := file(a + b).Fingerprint()
	for _, c := range []struct {
		what, text string
		same       bool
	}{
		{"another command", strings.ReplaceAll(a+b, "run: y", "run: z"), true},
		{"another policy", strings.ReplaceAll(a+b, "run: y", "run: y, retry: {max_retries: 1}"), true},
		{"one step more", strings.ReplaceAll(a+b, "run: y}", "run: y}, {name: u, run: x}"), true},
		{"one phase more", a + b + one("c", ""), false},
		{"another order", b + a, false},
		{"another kind of output", strings.ReplaceAll(a+b, "text", "json"), false},
		{"another output", strings.ReplaceAll(a+b, "run: y", "run: y, output: json"), false},
	} {
		if got := file(c.text).Fingerprint(); (got == want) != c.same {
			t.Errorf("%s: %s and %s, want the same: %v", c.what, got, want, c.same)
		}
	}
	part, err := file(a+b).Select([]string{"b"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := part.Fingerprint(); got != want {
		t.Errorf("of a part: %s, want that of the whole file, %s", got, want)
	}
}
