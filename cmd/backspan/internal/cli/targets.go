package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/wholefile"
	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/telemetry"
)

// A Target is a file that a command writes.
type Target struct {
	By     string // who named it: a flag, a variable, a line of the configuration file
	Path   string // empty or off: none
	Origin safefile.Origin
	Input  bool // it is read, and only must not be one of the others
}

// Apart says that two targets are one file. Devices may be named as often as one likes.
func Apart(list ...Target) error {
	for i, a := range list {
		for _, b := range list[:i] {
			if a.named() && b.named() && sameFile(a.Path, b.Path) {
				return UsageError(fmt.Errorf("%s and %s are both %q, want a file for each", b.By, a.By, a.Path))
			}
		}
	}
	return nil
}

func (t Target) named() bool { return t.Path != "" && t.Path != telemetry.Off }

// sameFile says whether a and b are one regular file, or will be.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return infoA.Mode().IsRegular() && os.SameFile(infoA, infoB)
	}
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB
}

// OriginOf says whether the path that a flag has was typed.
func OriginOf(f *pflag.FlagSet, flag string) safefile.Origin {
	return safefile.Origin(!f.Changed(flag))
}

// Writable says why the target cannot be written. What only time can tell (rights, a full disk) is left to the writer.
func (t Target) Writable() error {
	if t.Input {
		return nil
	}
	if t.Path == "" {
		return BadValue(t.By, "", errors.New("want the name of a file"))
	}
	if t.Origin == safefile.Default {
		return t.own()
	}
	if _, open := safefile.Descriptor(t.Path); open {
		return nil
	}
	if info, err := os.Stat(t.Path); err == nil {
		if err := wholefile.Writable(info); err != nil {
			return UsageError(fmt.Errorf("%s is %q, which %w", t.By, t.Path, err))
		}
	}
	return nil
}

// own says why the default file cannot be written.
func (t Target) own() error {
	safe, err := safefile.New(t.Path, safefile.Default)
	if err == nil {
		err = errors.Join(safe.Check(), safe.Close())
	}
	for _, wrong := range []error{safefile.ErrSymlink, safefile.ErrNotRegular, safefile.ErrForeign} {
		if errors.Is(err, wrong) {
			return UsageError(fmt.Errorf("%w; or name another file with %s", err, t.By))
		}
	}
	return nil
}

// Appendable says that nothing can be appended to the target, which takes a regular file.
func (t Target) Appendable() error {
	if t.Origin == safefile.Default {
		return t.own()
	}
	var mode fs.FileMode // a regular file's, also where there is none yet
	if info, err := os.Lstat(t.Path); err == nil {
		mode = info.Mode()
	}
	switch {
	case !t.named(), mode.IsRegular():
		return nil
	case mode.IsDir():
		return t.unfit("a directory", "name a file in it")
	case mode&fs.ModeSymlink != 0:
		return t.unfit("a symbolic link", "name the file that it leads to")
	}
	return t.unfit("not a regular file", "want one, or "+telemetry.Off)
}

func (t Target) unfit(what, want string) error {
	return UsageError(fmt.Errorf("%s is %q, which is %s; %s", t.By, t.Path, what, want))
}

// WriteFile has write fill the target's file. On an error the file is as it was.
func (t Target) WriteFile(write func(io.Writer) error) error {
	var content bytes.Buffer
	err := write(&content)
	if err == nil {
		err = wholefile.Write(t.Path, t.Origin, content.Bytes())
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", t.Path, err)
	}
	return nil
}
