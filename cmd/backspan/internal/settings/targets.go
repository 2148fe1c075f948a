package settings

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

// A Target is a file that a command writes.
type Target struct {
	By   string // who named it: a flag, a variable, a place in the configuration file
	Path string // empty or off: there is none
}

// Apart says that two targets are one file, of which little would be left. Devices may be named as often as one likes.
func Apart(list ...Target) error {
	for i, a := range list {
		for _, b := range list[:i] {
			if sameTarget(a.Path, b.Path) {
				return cli.UsageError(fmt.Errorf("%s and %s are both %q, want a file for each", b.By, a.By, a.Path))
			}
		}
	}
	return nil
}

func sameTarget(a, b string) bool {
	for _, path := range []string{a, b} {
		if path == "" || path == telemetry.Off {
			return false
		}
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return infoA.Mode().IsRegular() && os.SameFile(infoA, infoB)
	}
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB
}

// Targets are the files that flags, variables and configuration file name, if they can be what they are to be.
func (t *Flags) Targets() ([]Target, error) {
	if err := t.resolve(); err != nil {
		return nil, err
	}
	list := t.Named()
	for _, file := range list {
		if err := file.appendable(); err != nil {
			return nil, err
		}
	}
	return list, Apart(list...)
}

// Named are the files as resolve found them.
func (t *Flags) Named() []Target {
	list := []Target{{"--events", cmp.Or(t.events, events.DefaultPath)}, {"--trace-file", t.traceFile}}
	for i, flag := range []string{"events", "trace-file"} {
		list[i].By = cmp.Or(t.from[flag], list[i].By)
	}
	return list
}

// appendable says what is wrong with a place that nothing can be appended to. What only time can tell (rights, a full
// disk) it leaves to the writers.
func (o Target) appendable() error {
	if o.Path == telemetry.Off {
		return nil
	}
	var mode fs.FileMode // a regular file's, also where there is none yet
	if info, err := os.Lstat(o.Path); err == nil {
		mode = info.Mode()
	}
	what, want := "not a regular file", "want one, or off"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what, want = "a directory", "name a file in it"
	case mode&fs.ModeSymlink != 0:
		what, want = "a symbolic link", "name the file that it leads to"
	}
	return cli.UsageError(fmt.Errorf("%s is %q, which is %s; %s", o.By, o.Path, what, want))
}
