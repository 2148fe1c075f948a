package safefile

import (
	"errors"
	"fmt"
	"os"
)

// Open opens the file at path for reading: a regular file, what is open in this process already (see Descriptor), or
// the null device. Symbolic links are followed. All else is refused with an error that matches ErrNotRegular: the other
// end of a named pipe may never come, and a device may have no end.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil { // else opening says what is wrong
		err = refusal(path, info)
		if err != nil {
			return nil, err
		}
	}
	file, err := openInput(path)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err == nil { // it may have been replaced in between
		err = refusal(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func exempt(path string) bool {
	_, open := Descriptor(path)
	return open || path == os.DevNull
}

// refusal says why what is at path is not read.
func refusal(path string, info os.FileInfo) error {
	var err error
	switch mode := info.Mode(); {
	case mode.IsRegular() || exempt(path):
		return nil
	case mode&os.ModeNamedPipe != 0:
		err = kindError("is a named pipe, whose writer may never come; want a file")
	default:
		err = notRegular(mode)
	}
	return fmt.Errorf("%s %w", path, err)
}
