//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// failsOnce is a script that works only the second time.
const failsOnce = "#!/bin/sh\n[ -e failed ] && echo done && exit\n: > failed\nexit 7\n"

// The Makefile and the crontab line of the guide retry what they run.
func TestInsideOtherPrograms(t *testing.T) {
	for _, tt := range []struct {
		mark, script, output string
		command              func(t *testing.T, home, block string) *exec.Cmd
	}{
		{"In a Makefile (`$` is written `$$` there):\n", "deploy.sh", "", makeDeploy},
		{
			"In a crontab (`%` is written `\\%` there; cron's PATH is short, so a full path to backspan may be needed):\n",
			"backup/backup.sh", "backup/backup.log", cronLine,
		},
	} {
		t.Run(tt.script, func(t *testing.T) {
			home := t.TempDir()
			writeFile(t, filepath.Join(home, tt.script), failsOnce, 0o700)
			command := tt.command(t, home, between(t, tt.mark))
			command.Dir = home
			command.Env = append(os.Environ(), "HOME="+home, "OTEL_TRACES_EXPORTER=none", "MAKEFLAGS=")
			got, err := command.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			if tt.output != "" {
				if got, err = os.ReadFile(filepath.Join(home, tt.output)); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{"attempt 1 of 4 failed: exit code 7; retrying", "\ndone\n"} {
				if !strings.Contains(string(got), want) {
					t.Errorf("the output has no %q:\n%s", want, got)
				}
			}
		})
	}
}

func makeDeploy(t *testing.T, home, block string) *exec.Cmd {
	t.Helper()
	writeFile(t, filepath.Join(home, "Makefile"), block, 0o600)
	return exec.CommandContext(t.Context(), "make", "deploy")
}

// cronLine is what cron does with a line: the first five fields are the time, sh runs the rest.
func cronLine(t *testing.T, _, block string) *exec.Cmd {
	t.Helper()
	fields := strings.SplitN(strings.TrimSpace(block), " ", 6)
	if len(fields) != 6 || strings.Contains(fields[5], "\n") {
		t.Fatalf("not one line of a crontab: %q", block)
	}
	return exec.CommandContext(t.Context(), "/bin/sh", "-c", fields[5])
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
