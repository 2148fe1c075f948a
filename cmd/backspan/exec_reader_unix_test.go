//go:build unix

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// shell runs a command line in sh, and returns what it printed on both streams.
func shell(t *testing.T, line string) (stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-c", line)
	command.Dir = t.TempDir()
	var out, errOut strings.Builder
	command.Stdout, command.Stderr = &out, &errOut
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errOut.String())
	}
	return out.String(), errOut.String()
}

// The reader of stdout takes a line and ends, as head -n 1 does. Each script waits until it is gone.
func TestWhyNothingIsRetriedForAReaderThatIsGone(t *testing.T) {
	const gone = "; not retried, as nobody reads stdout any more\n"
	const untilGone = `while (echo more) 2>/dev/null; do :; done; `
	for name, c := range map[string]struct{ script, want string }{
		"a write error":         {`trap "" PIPE; ` + untilGone + `exit 5`, "attempt 1 of 4 failed: exit code 5" + gone},
		"a shell that tells it": {untilGone + `exit 141`, "attempt 1 of 4 failed: exit code 141" + gone},
		"another failure":       {untilGone + `exit 3`, "attempt 1 of 4 failed: exit code 3" + gone},
		"SIGPIPE in the second": {
			`test $BACKSPAN_ATTEMPT = 1 && exit 1; ` + untilGone + `kill -PIPE $$`,
			"attempt 2 of 4 failed: killed by SIGPIPE" + gone,
		},
		"SIGPIPE, as of any pipe": {untilGone + `kill -PIPE $$`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const exec = `backspan exec --name n --events off --no-export --base-delay 10ms -- sh -c '`
			_, stderr := shell(t, exec+c.script+`' | head -n 1`)
			if !strings.HasSuffix(stderr, c.want) || c.want == "" && stderr != "" {
				t.Errorf("stderr is %q, want %q at its end", stderr, c.want)
			}
		})
	}
}

// Both streams are one file: what a command says comes after the line that its phase has started, and before the one
// that it has ended.
func TestACommandSpeaksAfterItsPhaseHasStarted(t *testing.T) {
	const pipeline = `name: order
phases:
  - {name: one, steps: [{name: out, run: echo first}]}
  - {name: two, steps: [{name: err, run: echo second >&2}]}
`
	for range 20 {
		const run = "backspan run p.yaml --events off --trace-file off --no-export 2>&1"
		stdout, _ := shell(t, "cat > p.yaml <<'EOF'\n"+pipeline+"EOF\n"+run)
		at := -1
		for _, line := range []string{
			"run order: started", "phase one: started", "out | first", "phase one: succeeded", "phase two: started",
			"err | second", "phase two: succeeded",
		} {
			next := strings.Index(stdout, line)
			if next <= at {
				t.Fatalf("%q is not in its place in\n%s", line, stdout)
			}
			at = next
		}
	}
}
