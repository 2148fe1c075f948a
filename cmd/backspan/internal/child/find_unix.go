//go:build unix

package child

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// defaultPath is where execvp looks when there is no PATH.
const defaultPath = "/bin:/usr/bin"

// find looks up a program by execvp's rules. They differ from those of os/exec: the current directory counts when
// PATH has it, and a file that may not be executed has another error than one that does not exist.
func find(name string, env []string, dir string) (path string, err error) {
	if strings.Contains(name, "/") {
		return name, executable(name, dir)
	}
	if name == "" {
		return "", syscall.ENOENT
	}
	search, ok := lookup(env, "PATH")
	if !ok {
		search = defaultPath
	}
	err = syscall.ENOENT
	for entry := range strings.SplitSeq(search, ":") {
		if entry == "" {
			entry = "."
		}
		candidate := entry + "/" + name
		switch e := executable(candidate, dir); {
		case e == nil:
			return candidate, nil
		case errors.Is(e, syscall.EACCES):
			err = e // another directory may have a better one
		}
	}
	return "", err
}

// executable returns why a process in dir cannot execute path, or nil.
func executable(path, dir string) error {
	if dir != "" && !filepath.IsAbs(path) {
		path = dir + "/" + path
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return syscall.EACCES
	}
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}

// lookup finds the value of a variable in an environment. Of several with one name the last one counts.
func lookup(env []string, name string) (value string, ok bool) {
	for _, entry := range env {
		if key, v, found := strings.Cut(entry, "="); found && key == name {
			value, ok = v, true
		}
	}
	return value, ok
}
