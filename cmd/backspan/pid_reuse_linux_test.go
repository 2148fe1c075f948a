package main

import (
	"os"
	"os/exec"
	"testing"
)

// strangers runs as the first process of a namespace of its own. Its command is over after 100 ms and leaves a process
// in its group, which is let go then. From this moment on the script tries to get the command's number for a stranger,
// a group of its own that has nothing to do with backspan. The stranger has to live.
const strangers = `
mount --make-private /proc && mount -t proc proc /proc || exit 2
backspan exec --events off --max-retries 0 --attempt-timeout 100ms --grace 1s -- sh -c '
  (trap "" TERM; until test -e over; do sleep 0.01; done) &
  echo $$ > number; wait' &
wrapper=$!
until test -s number; do sleep 0.01; done
read number < number
stat= # the command is a zombie, or nothing is left of it
while stat=$(cat /proc/$number/stat 2>/dev/null) && case $stat in *") Z "*) false ;; esac; do sleep 0.01; done
: > over
while :; do
  echo $((number - 1)) > /proc/sys/kernel/ns_last_pid || exit 3
  setsid sleep 1000 &
  stranger=$!
  test $stranger = $number && break
  kill $stranger
done
wait $wrapper
echo "exec ended with $?"
kill -0 $stranger || echo "the stranger is dead"
kill -KILL $stranger
`

// While backspan looks after what is left of a command's group, no other process gets the command's number.
func TestNoStrangerIsKilled(t *testing.T) {
	// unshare --mount-proc would want "/" to be a mount point, which it is not in a chroot.
	const namespaces = "unshare --fork --pid --mount --propagation unchanged --kill-child"
	cmd := exec.CommandContext(t.Context(), "sh", "-c", namespaces+` sh -c "$0"`, strangers)
	if os.Getuid() != 0 {
		cmd.Args[2] = namespaces + ` --map-root-user sh -c "$0"`
	}
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	out, err := cmd.CombinedOutput()
	const want = "backspan: attempt 1 failed: timed out after 100ms; giving up\nexec ended with 124\n"
	if err != nil || string(out) != want {
		t.Errorf("got %q (%v), want %q", out, err, want)
	}
}
