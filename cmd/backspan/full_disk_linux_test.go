package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The second phase fills the disk on which the journal is, unless it is full already.
const fillsTheDisk = `
name: nightly
phases:
  - name: first
    steps: [{name: begin, run: "true"}]
  - name: second
    needs: [first]
    steps:
      - name: fill
        run: "dd if=/dev/zero of=disk/fill bs=1k 2>/dev/null || true; head -c 9000 /dev/zero | tr '\\0' x"
        output: text
  - name: third
    needs: [second]
    steps: [{name: finish, run: "true"}]
`

// fullDisk runs in a mount namespace of its own, where disk is a tmpfs of 16 KiB.
const fullDisk = `
mount --make-rprivate / 2>/dev/null # "/" is no mount point in a chroot
mount -t tmpfs -o size=16k tmpfs disk || exit 2
trap 'umount disk' EXIT
run() { backspan run nightly.yaml --no-export --checkpoint=disk "$@" 2>errors; echo "ended with $?"; }
run
grep -c 'no space left on device; the run goes on without, and cannot be resumed$' errors
rm disk/fill; backspan sessions --checkpoint=disk --json | jq -r 'length'
run --checkpoint-required
grep -c '^backspan: pipeline "nightly" was cancelled (.* no space left on device)$' errors
rm disk/fill; backspan sessions --checkpoint=disk --json | jq -r '.[] | .state'
run --resume
grep -c 'phase first: started' errors
rm disk/fill; sed -i '/name: third/,$d' nightly.yaml
run --checkpoint-required
ls disk
`

// A run whose journal meets a full disk says so and goes on without, or stops, as asked; then it can be resumed when
// there is room again, and what had succeeded does not run again.
func TestAJournalOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "disk"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nightly.yaml"), []byte(fillsTheDisk), 0o600); err != nil {
		t.Fatal(err)
	}
	const namespace = "unshare --mount --propagation unchanged"
	cmd := exec.CommandContext(t.Context(), "sh", "-c", namespace+` sh -c "$0"`, fullDisk)
	if os.Getuid() != 0 {
		cmd.Args[2] = namespace + ` --map-root-user sh -c "$0"`
	}
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	out, err := cmd.CombinedOutput()
	want := strings.Join([]string{
		"ended with 0", "1", "0", // it went on, said so once, and left no journal
		"ended with 1", "1", "interrupted", // it stopped
		"ended with 0", "0", // it went on where it was
		"ended with 0", "fill", "", // the last phase had succeeded: nothing is left to be resumed
	}, "\n")
	if err != nil || string(out) != want {
		errors, _ := os.ReadFile(filepath.Join(dir, "errors")) // empty, where there is none
		t.Errorf("got %q (%v), want %q\n%s", out, err, want, errors)
	}
}
