package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"
)

// A command that changes its user (sudo, setuid) cannot be told to end. That is said at once, the attempt ends when the
// command does, and the reason says how long that took. Only root can make such a command.
func TestATimeoutThatCannotBeEnforced(t *testing.T) {
	if os.Getuid() != 0 {
		return // without a second user there is nobody whom this one may not signal
	}
	// Root's own program for backspan's user to start, like sudo.
	const setUp = `cp "$1" backspan; cp "$(command -v setpriv)" root; mkdir work
chmod 755 . backspan; chmod 777 work; chmod 4755 root
cat > work/pipeline.yaml <<EOF
name: n
phases: [{name: p, steps: [{name: s, retry: {max_retries: 0, attempt_timeout: 200ms}, run: "$2"}]}]
EOF`
	const asRoot = `../root --reuid=0 sh -c 'until test -e go; do sleep 0.01; done'`
	const limited = "backspan exec --max-retries 0 --attempt-timeout 200ms "
	const ran = `timed out after 200ms, but ended only after [0-9.]+(ms|s): it runs as another user`
	for _, c := range []struct{ name, script, line string }{
		{
			"the command", limited + "-- " + asRoot,
			`(?m)^backspan: root cannot be told to end: its process [0-9]+ runs as another user`,
		},
		{
			"a process that it started", limited + `--grace 100ms -- sh -c "` + asRoot + ` & wait"`,
			`(?m)^backspan: sh cannot be told`,
		},
		{"a step", "backspan run --no-recovery --trace-file off", `s \| backspan: s cannot be told to end`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("/var/tmp", "backspan-users-") //nolint:usetesting // /tmp may be mounted nosuid
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir) //nolint:errcheck // what stays is small
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			prepare := exec.CommandContext(t.Context(), "sh", "-ec", setUp, "sh", self, asRoot)
			prepare.Dir = dir
			if out, err := prepare.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			stderr, err := os.Create(filepath.Join(dir, "stderr"))
			if err != nil {
				t.Fatal(err)
			}
			defer stderr.Close() //nolint:errcheck // another process wrote it
			// The capability lets the user pass directories that are open to root alone, as the root of a chroot may
			// be.
			cmd := exec.CommandContext(t.Context(), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
				"--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "sh", "-c", c.script)
			cmd.Dir, cmd.Stderr = filepath.Join(dir, "work"), stderr
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "OTEL_TRACES_EXPORTER=none", "HOME="+dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitText(t, stderr.Name(), c.line)
			if err := os.WriteFile(filepath.Join(dir, "work", "go"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the texts say how it ended
			awaitText(t, stderr.Name(), ran)
			awaitText(t, filepath.Join(dir, "work/data/session/events.jsonl"), ran)
		})
	}
}

// awaitText waits until a file has a text that matches.
func awaitText(t *testing.T, path, pattern string) {
	t.Helper()
	want := regexp.MustCompile(pattern)
	for late := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		if got, err := os.ReadFile(path); want.Match(got) {
			return
		} else if time.Now().After(late) {
			t.Fatalf("%s has %q (%v), want %q", path, got, err, pattern)
		}
	}
}
