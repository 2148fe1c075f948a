package child

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// gone reports whether the group is empty. It reads /proc, because kill(2) also counts processes that have ended and
// that their parent has not waited for: the command itself, and in containers, whose first process often never waits,
// others.
func (r *run) gone() bool {
	members, known := membersOf(r.pid)
	if !known {
		return false
	}
	left := false
	for _, m := range members {
		switch {
		case !m.ended:
			left = true
			if r.kill == nil && errors.Is(unix.Kill(m.pid, 0), unix.EPERM) { // KILL was sent, and did not reach it
				r.outOfReach(m.pid)
			}
		case m.parent == os.Getpid() && m.pid != r.pid:
			// An orphan becomes a child of this process when this one is the first of a container.
			_, _ = unix.Wait4(m.pid, nil, unix.WNOHANG, nil) // it only tidies up
		}
	}
	if !left {
		r.send(unix.SIGKILL) // for a process that looks ended because its first thread has ended
	}
	return !left
}

// A member is a process of a group.
type member struct {
	pid, parent int
	ended       bool // nobody has waited for it
}

// membersOf lists the processes of a group. known is false where there is no /proc.
func membersOf(group int) (members []member, known bool) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, false
	}
	defer proc.Close() //nolint:errcheck // it was only read
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, false
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// A process whose file cannot be read has ended in the meantime.
		if stat, err := os.ReadFile("/proc/" + name + "/stat"); err == nil {
			if m, of := parseStat(pid, stat); of == group {
				members = append(members, m)
			}
		}
	}
	return members, true
}

// parseStat reads a line like "7 (sh) S 1 7 …": number, name, state, parent and group. The name may hold any
// characters.
func parseStat(pid int, stat []byte) (m member, group int) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return member{}, 0
	}
	state := fields[0][0]
	parent, err := strconv.Atoi(string(fields[1]))
	group, err2 := strconv.Atoi(string(fields[2]))
	if err != nil || err2 != nil {
		return member{}, 0
	}
	return member{pid: pid, parent: parent, ended: state == 'Z' || state == 'X'}, group
}
