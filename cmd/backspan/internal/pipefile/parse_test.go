package pipefile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// head begins a file that lacks nothing but its phases.
const head = "name: n\nphases:\n"

// one is a whole phase on a line.
func one(name, more string) string {
	if more != "" {
		more = ", " + more
	}
	return fmt.Sprintf("  - {name: %s, steps: [{name: s, run: x}]%s}\n", name, more)
}

// Each file is refused with exactly these lines, which name the place, the key, and what would be right.
func TestWhatIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 20_000)
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'h'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c,
			strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", `f: the file is empty, want name and phases; backspan init writes a file to start from`},
		{
			"a comment only", "# later\n",
			`f: the file is empty, want name and phases; backspan init writes a file to start from`,
		},
		{"no mapping", "- a\n", `f:1:1: is a list, want a pipeline: name, phases, …`},
		{
			"no keys", "{}\n",
			"f:1:1: has no name: the name of the pipeline and of the run's span\nf:1:1: has no phases: the phases of the pipeline",
		},
		{
			"no YAML", "name: [a\nphases: 3\n",
			`f:2:7: no YAML: did not find expected ',' or ']' while parsing a flow sequence`,
		},
		{
			"a colon in a command", "name: n\nrun: echo a: b\n",
			`f:2:12: no YAML: mapping values are not allowed in this context; a text with ": " in it needs quotes around it, or | before it and lines of its own`,
		},
		{
			"a tab", "name: n\n\tphases: []\n",
			`f:2:1: no YAML: found a tab character that violates indentation while scanning a plain scalar`,
		},
		{"no UTF-8", "name: n\nphäses: \xff\n", `f:2:9: the file is no UTF-8: see this byte`},
		{"very deep", deep, `f:1:10001: no YAML: exceeded max depth of 10000 while increasing flow level`},
		{"very long", strings.Repeat("#", MaxBytes+1), `f: the file has more than 1048576 bytes`},
		{
			"a second document", head + one("a", "") + "---\nname: m\n",
			"f:4:1: a second document begins here, want one pipeline in a file",
		},
		{"an alias bomb", bomb, `f:1:1: with its aliases written out the file has more than 100000 values`},
		{
			"an alias of what is around it", "name: &n [*n]\n",
			`f:1:1: an alias stands within what it stands for, so that there is no end`,
		},
		{"an unknown anchor", "name: *nobody\n", `f:1:7: no YAML: unknown anchor 'nobody' referenced`},
		{
			"a merge of no mapping", "name: n\nphases:\n" + one("a", "<<: [3]"),
			`f:3:48: phases[0].<<: is "3", want a mapping such as *name, or a list of them`,
		},
		{
			"two merges", "name: n\nphases:\n" + one("a", "<<: {dir: x}, <<: {if: always}"),
			`f:3:57: phases[0].<<: stands twice, first in line 3`,
		},
		{
			"a merged key of nobody's", "x-a: &a {tries: 3}\nname: n\nphases:\n" + one("a", "<<: *a"),
			`f:1:10: phases[0]: unknown key "tries", want one of name, steps, needs, if, if_began, allow_failure, success_codes, skip_codes, timeout, recovery, retry, env, dir, shell, fallback, dry_run`,
		},
		{
			"an anchored value that does not fit",
			"x-a: &a {max_retries: many}\nname: n\nphases:\n" + one("a", "retry: *a"),
			`f:1:23: phases[0].retry.max_retries: is many, want 0 to 999999, or unlimited`,
		},
		{
			"an extension further in", head + one("a", "x-note: y"),
			`f:3:43: phases[0]: unknown key "x-note", want one of name, steps, needs, if, if_began, allow_failure, success_codes, skip_codes, timeout, recovery, retry, env, dir, shell, fallback, dry_run`,
		},
		{
			"a shell that is no list", head + one("a", "shell: bash"),
			`f:3:50: phases[0].shell: is "bash", want a list of words such as [bash, -euo, pipefail, -c]`,
		},
		{
			"a shell without words", "name: n\nshell: []\nphases:\n" + one("a", ""),
			`f:2:8: shell: is an empty list, want a list of words such as [bash, -euo, pipefail, -c]`,
		},
		{
			"a shell without a name", "name: n\nshell: ['', -c]\nphases:\n" + one("a", ""),
			`f:2:9: shell[0]: is "", want the name of a shell`,
		},
		{
			"a yes that is none", "name: n\ncontinue_on_error: sure\nphases:\n" + one("a", ""),
			`f:2:20: continue_on_error: is "sure", want true or false`,
		},
		{
			"an exit code that is none", head + one("a", "success_codes: [0, 300]"),
			`f:3:62: phases[0].success_codes[1]: is "300", want an exit code from 0 to 255, or a range such as 75-78`,
		},
		{
			"a timeout that is no exit code", head + one("a", "success_codes: timeout"),
			`f:3:58: phases[0].success_codes: is "timeout", want an exit code from 0 to 255, or a range such as 75-78`,
		},
		{
			"a success that is skipped", head + one("a", "skip_codes: 0"),
			`f:3:55: phases[0].skip_codes: is "0", want an exit code from 1 to 255, or a range such as 75-78`,
		},
		{
			"a range backwards", head + one("a", "skip_codes: [9-3]"),
			`f:3:56: phases[0].skip_codes[0]: is "9-3", want 3-9 in place of 9-3`,
		},
		{
			"a code that is both", head + one("a", "skip_codes: [3-9], success_codes: [0, 5]"),
			`f:3:55: phases[0].skip_codes: has 5, which stands in success_codes too; want one of the two`,
		},
		{
			"a code that is both for a step",
			head + "  - {name: a, success_codes: [0, 5], steps: [{name: s, run: x, skip_codes: 5}]}\n",
			`f:3:76: phases[0].steps[0].skip_codes: has 5, which stands in success_codes too; want one of the two`,
		},
		{
			"a beginning of nobody", head + one("a", "") + one("b", "if_began: aa"),
			`f:4:53: phases[1].if_began: is "aa", which is no phase; did you mean "a"?`,
		},
		{
			"a beginning of its own", head + one("a", "if_began: a"),
			`f:3:53: phases[0].if_began: is the phase itself; want another phase`,
		},
		{
			"a beginning that comes later", head + one("a", "if_began: b") + one("b", ""),
			`f:3:53: phases[0].if_began: is "b", which phase "a" does not wait for; want a phase that it needs, or one before it`,
		},
		{
			"a beginning aside", head + one("a", "needs: []") + one("b", "if_began: a"),
			`f:4:53: phases[1].if_began: is "a", which phase "b" does not wait for; want a phase that it needs, or one before it`,
		},
		{
			"a misspelt policy", head + one("a", "allow_failures: true"),
			`f:3:43: phases[0]: unknown key "allow_failures"; did you mean "allow_failure"?`,
		},
		{
			"a policy of another tool", head + one("a", "ignore_errors: true"),
			`f:3:43: phases[0]: unknown key "ignore_errors"; did you mean "allow_failure"?`,
		},
		{
			"a variable of run's own", "name: n\nenv: {BACKSPAN_FAILED_STEP: x}\nphases:\n" + one("a", ""),
			`f:2:7: env.BACKSPAN_FAILED_STEP: is what backspan itself tells commands; want another name`,
		},
		{
			"a shell for words", head + "  - {name: a, steps: [{name: s, run: [x], shell: [bash, -c]}]}\n",
			`f:3:50: phases[0].steps[0].shell: is for a text, but run is a list of words, which no shell sees; want one of the two`,
		},
		{"a key that is no word", "[a]: b\nname: n\nphases:\n" + one("a", ""), `f:1:1: a key is a list, want a word`},

		{
			"a misspelt key",
			"name: n\nphases:\n  - name: a\n    steps:\n      - name: s\n        run: x\n        retry:\n          max_retires: 3\n",
			`f:8:11: phases[0].steps[0].retry: unknown key "max_retires"; did you mean "max_retries"?`,
		},
		{
			"another tool's key", head + one("a", "depends_on: [b]"),
			`f:3:43: phases[0]: unknown key "depends_on"; did you mean "needs"?`,
		},
		{
			"a key of nobody's", "name: n\nxyzzy: 1\nphases:\n" + one("a", ""),
			`f:2:1: unknown key "xyzzy", want one of name, phases, vars, env, retry, recovery, continue_on_error, shell, grace`,
		},
		{"a key twice", "name: n\nname: m\nphases:\n" + one("a", ""), "f:2:1: name: stands twice, first in line 1"},
		{
			"a key twice further in", head +
				"  - name: a\n    steps:\n      - name: s\n        run: x\n        run: y\n",
			"f:7:9: phases[0].steps[0].run: stands twice, first in line 6",
		},
		{
			"a step without a command", head + "  - name: a\n    steps:\n      - name: s\n",
			"f:5:9: phases[0].steps[0]: has no run: the command: a list of words, or a text for a shell",
		},
		{"no phases", "name: n\nphases: []\n", "f:2:9: phases: is an empty list, want a list of phases"},
		{
			"an empty command", head + "  - {name: a, steps: [{name: s, run: []}, {name: t, run: ' '}]}\n",
			"f:3:38: phases[0].steps[0].run: is an empty list, want a list of words, or a text for a shell\nf:3:58: phases[0].steps[1].run: is \" \", want a command",
		},
		{
			"a name with blanks", head + one("my phase", ""),
			`f:3:12: phases[0].name: is "my phase", want a name of letters, digits, and _ . - between them, at most 100`,
		},
		{
			"a name that is a number", head + one("7", ""),
			`f:3:12: phases[0].name: is "7", want a name of letters, digits, and _ . - between them, at most 100; in quotes it is text`,
		},

		{
			"a duration without a unit", head + one("a", "timeout: 30"),
			`f:3:52: phases[0].timeout: is 30, want a unit with it: 30s, or 30m for minutes`,
		},
		{
			"no duration", head + one("a", "timeout: soon"),
			`f:3:52: phases[0].timeout: is "soon", want a duration such as 30s or 1m30s`,
		},
		{"a negative duration", head + one("a", "timeout: -5s"), `f:3:52: phases[0].timeout: is -5s, want 0 or more`},
		{
			"a century", head + one("a", "timeout: 900000h"),
			`f:3:52: phases[0].timeout: is 900000h, want at most 87600h0m0s`,
		},
		{
			"too few retries", "name: n\nretry: {max_retries: -1}\nphases:\n" + one("a", ""),
			`f:2:22: retry.max_retries: is -1, want 0 to 999999, or unlimited`,
		},
		{
			"a first delay above the longest",
			"name: n\nretry: {base_delay: 2m}\nphases:\n" + one("a", "") + one("b", ""),
			`f:2:21: retry.base_delay: is 2m, want at most max_delay, which is 30s`,
		},
		{
			"a longest delay below the first",
			"name: n\nrecovery: {base_delay: 9s}\nphases:\n" + one("a", "recovery: {max_delay: 1s}"),
			`f:4:65: phases[0].recovery.max_delay: is 1s, want at least base_delay, which is 9s`,
		},
		{
			"a multiplier that shrinks", "name: n\nretry: {multiplier: .5}\nphases:\n" + one("a", ""),
			`f:2:21: retry.multiplier: is .5, want a number of at least 1`,
		},
		{
			"a multiplier that is no number", "name: n\nretry: {multiplier: .nan}\nphases:\n" + one("a", ""),
			`f:2:21: retry.multiplier: is .nan, want a number of at least 1`,
		},
		{
			"a misspelt jitter", "name: n\nretry: {jitter: ful}\nphases:\n" + one("a", ""),
			`f:2:17: retry.jitter: is "ful"; did you mean "full"?`,
		},
		{
			"an exit code of success", "name: n\nretry: {retry_on: [0]}\nphases:\n" + one("a", ""),
			`f:2:20: retry.retry_on[0]: is "0", want an exit code from 1 to 255, a range such as 75-78, timeout or signal`,
		},
		{
			"a range the wrong way", "name: n\nretry: {stop_on: 78-75}\nphases:\n" + one("a", ""),
			`f:2:18: retry.stop_on: is "78-75", want 75-78 in place of 78-75`,
		},
		{
			"an expression that is none", "name: n\nretry: {stop_on_output: [a, '(']}\nphases:\n" + one("a", ""),
			`f:2:29: retry.stop_on_output[1]: is "(", want a regular expression such as 'timed? ?out|reset by peer': missing closing )`,
		},
		{
			"an expression for everything", head + one("a", "retry: {retry_on_output: ''}"),
			`f:3:68: phases[0].retry.retry_on_output: is "", want a regular expression such as 'timed? ?out|reset by peer'`,
		},
		{
			"exit codes for a recovery", "name: n\nrecovery: {retry_on: 1}\nphases:\n" + one("a", ""),
			`f:2:12: recovery: unknown key "retry_on", want one of max_retries, base_delay, max_delay, multiplier, jitter, attempt_timeout, max_elapsed`,
		},
		{
			"an unknown condition", head + one("a", "") + one("b", "if: failed"),
			`f:4:47: phases[1].if: is "failed"; did you mean "failure"?`,
		},
		{
			"a variable without a value", "name: n\nenv: {A: }\nphases:\n" + one("a", ""),
			`f:2:10: env.A: is empty, want text, or "" for none`,
		},
		{
			"a variable that is none", "name: n\nenv: {A-B: x}\nphases:\n" + one("a", ""),
			`f:2:7: env: "A-B" is no name for a variable of the environment, want letters, digits and _`,
		},
		{
			"a variable of ours", "name: n\nenv: {BACKSPAN_PHASE: x}\nphases:\n" + one("a", ""),
			`f:2:7: env.BACKSPAN_PHASE: is what backspan itself tells commands; want another name`,
		},
		{
			"a NUL", "name: n\nenv: {A: \"a\\0b\"}\nphases:\n" + one("a", ""),
			`f:2:10: env.A: has a NUL, which no command can be told`,
		},
		{
			"a var that is in env too", "name: n\nvars: {A: x}\nenv: {A: y}\nphases:\n" + one("a", ""),
			`f:2:8: vars.A: stands in env too, in line 3; want one of the two`,
		},

		{
			"a phase twice", head + one("a", "") + one("a", ""),
			`f:4:12: phases[1].name: is "a", as in line 3; each phase needs a name of its own`,
		},
		{
			"a step twice", head + "  - name: a\n    steps:\n      - {name: s, run: x}\n      - {name: s, run: y}\n",
			`f:6:16: phases[0].steps[1].name: is "s", as in line 5; each step of a phase needs a name of its own`,
		},
		{
			"two outputs of one name", head +
				"  - {name: a-b, steps: [{name: c, run: x, output: json}]}\n  - {name: a, steps: [{name: b_c, run: x, output: text}]}\n",
			`f:4:30: phases[1].steps[0].name: its output would be BACKSPAN_OUTPUT_A_B_C, as that of step "c" of phase "a-b"; want another name`,
		},
		{
			"an unknown need", head + one("prepare", "") + one("b", "needs: [prepaer]"),
			`f:4:51: phases[1].needs[0]: is "prepaer", which is no phase; did you mean "prepare"?`,
		},
		{
			"a need of nobody", head + one("a", "needs: [b]"),
			`f:3:51: phases[0].needs[0]: is "b", which is no phase, nor is there another`,
		},
		{
			"a need of itself", head + one("a", "needs: [a]"),
			`f:3:51: phases[0].needs[0]: is the phase itself; want another phase`,
		},
		{
			"a need twice", head + one("a", "") + one("b", "needs: [a, a]"),
			`f:4:54: phases[1].needs[1]: is "a", which stands there already`,
		},
		{
			"a cycle", head + one("a", "needs: [d]") + one("b", "needs: [d, c]") + one("c", "needs: [b]") +
				one("d", ""),
			`f:4:54: phases[1].needs[1]: makes a cycle, so that none of its phases could begin: b needs c needs b`,
		},
		{
			"a long cycle", head + wheel(13),
			`f:3:52: phases[0].needs[0]: makes a cycle, so that none of its phases could begin: p0 needs p1 needs p2 needs p3 needs p4 needs p5 needs p6 needs p7 needs p8 needs p9 needs p10 needs … needs p0`,
		},
		{
			"too many phases", head + wheel(maxPhases+1),
			`f:1003:5: phases[1000]: is one of 1001 phases, want at most 1000`,
		},
		{
			"a failure of nothing that it needs", head + one("a", "") + one("b", "if: failure, needs: []"),
			`f:4:47: phases[1].if: is failure, but needs is empty, so that nothing that could fail comes before; want needs`,
		},
		{
			"a failure of nothing", head + one("a", "if: failure"),
			`f:3:47: phases[0].if: is failure, but nothing comes before the first phase that could fail; want needs, or another place`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := Parse("f", []byte(c.text))
			var refused *Error
			if !errors.As(err, &refused) || file != nil {
				t.Fatalf("file %v, error %v; want an *Error", file, err)
			}
			if got := err.Error(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// wheel is n phases of which each needs the next one, and the last one the first.
func wheel(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(one(fmt.Sprintf("p%d", i), fmt.Sprintf("needs: [p%d]", (i+1)%n)))
	}
	return text.String()
}

// A graph of the most phases, each of which comes after all before it, took hours to read once.
func TestTheLargestGraph(t *testing.T) {
	text := head + one("a", "") + one("b", "needs: [a]")
	for i := 2; i < maxPhases; i++ {
		text += one(fmt.Sprintf("p%d", i), "if: always")
	}
	file, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(file.Phases[maxPhases-1].Needs); got != maxPhases-1 {
		t.Errorf("the last phase needs %d, want all %d", got, maxPhases-1)
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	text := head + one("a", "")
	for i := range 200 {
		text += one(fmt.Sprintf("b%d", i), "needs: [zzzzzz]")
	}
	_, err := Parse("f", []byte(text))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxShown+1 || !strings.HasPrefix(lines[maxShown], "f: and ") {
		t.Errorf("%d lines, the last %q; want %d and a count", len(lines), lines[len(lines)-1], maxShown)
	}
}

// What is said further in wins, key by key.
func TestPoliciesComeFromFurtherOut(t *testing.T) {
	file, err := Parse("f", []byte(`
name: n
retry: {max_retries: 5, base_delay: 3s, retry_on: 7}
recovery: {max_retries: 0}
phases:
  - name: a
    retry: {base_delay: 0}
    steps:
      - {name: s, run: x, retry: {max_retries: unlimited, max_elapsed: 1m}}
      - {name: t, run: x}
  - name: b
    recovery: {base_delay: 1s, max_retries: 1}
    steps: [{name: s, run: x}]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"a/s", file.Phases[0].Steps[0].Retry.Resolve(0).String(), "unlimited retries, no delay, 1m in all"},
		{"a/t", file.Phases[0].Steps[1].Retry.Resolve(0).String(), "5 retries, no delay"},
		{"b/s", file.Phases[1].Steps[0].Retry.Resolve(0).String(), "5 retries, 3s ×2 up to 30s"},
		{"a/s on", file.Phases[0].Steps[0].Retry.RetryOn.String(), "7"},
		{"a", file.Phases[0].Recovery.Resolve(0).String(), "no retries"},
		{"b", file.Phases[1].Recovery.Resolve(0).String(), "1 retry, 1s ×2 up to 30s"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}
