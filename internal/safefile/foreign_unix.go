//go:build unix

package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Foreign says that a file or directory belongs to a user who is neither this one nor root, or that others may write
// it. It returns nil when that is not so, and where the system does not tell (Windows). The error matches ErrForeign
// and says how to mend it. A directory with the sticky bit, such as /tmp, keeps its files to their owners.
func Foreign(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	return foreign(st.Uid, st.Gid, uint32(st.Mode))
}

func foreign(owner, group, mode uint32) error {
	me := os.Geteuid()
	switch {
	case owner != 0 && int(owner) != me:
		return fmt.Errorf("%w: it belongs to user %s; remove it, or chown it to user %d",
			ErrForeign, userName(owner), me)
	case mode&0o002 != 0, mode&0o020 != 0 && !ownGroup(owner, group):
		return fmt.Errorf("%w: its mode is %04o; chmod go-w it", ErrForeign, mode&0o7777)
	}
	return nil
}

func userName(id uint32) string {
	u, err := user.LookupId(strconv.Itoa(int(id)))
	if err != nil {
		return strconv.Itoa(int(id))
	}
	return u.Username
}

// ownGroup says whether a group is the private one of a user: it has the user's name. On many systems each user has
// one, and what they make is writable for it (umask 002).
func ownGroup(owner, group uint32) bool {
	u, err := user.LookupId(strconv.Itoa(int(owner)))
	if err != nil {
		return false
	}
	g, err := user.LookupGroupId(strconv.Itoa(int(group)))
	return err == nil && g.Name == u.Username
}
