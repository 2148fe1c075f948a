package child

import (
	"bytes"
	"os"
	"strconv"
)

// alive says whether a process of the group runs. It looks into /proc because kill(2) counts the dead too, as long as
// their parent has not waited for them, and in containers the first process often never does.
func alive(group int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return true // nobody knows
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
		// What cannot be read has ended since.
		if stat, err := os.ReadFile("/proc/" + name + "/stat"); err == nil && runs(stat, group) {
			return true
		}
	}
	return false
}

// runs reads a line like "7 (sh) S 1 7 …": number, name, state, parent, group. The name may hold anything.
func runs(stat []byte, group int) bool {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return false
	}
	state, of := fields[0][0], string(fields[2])
	return of == strconv.Itoa(group) && state != 'Z' && state != 'X'
}
