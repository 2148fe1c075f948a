package child

import (
	"bytes"
	"os"
	"strconv"
)

// alive reports whether a process of the group runs. It reads /proc, because kill(2) also counts processes that have
// ended and that their parent has not waited for. The first process of a container often never waits.
func alive(group int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return true // not known
	}
	defer proc.Close() //nolint:errcheck // it was only read
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return true
	}
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		// A process whose file cannot be read has ended in the meantime.
		if stat, err := os.ReadFile("/proc/" + name + "/stat"); err == nil && runs(stat, group) {
			return true
		}
	}
	return false
}

// runs reports whether a line like "7 (sh) S 1 7 …" is that of a running process of the group. The fields are number,
// name, state, parent and group; the name may hold any characters.
func runs(stat []byte, group int) bool {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return false
	}
	state, of := fields[0][0], string(fields[2])
	return of == strconv.Itoa(group) && state != 'Z' && state != 'X'
}
