//go:build !unix || aix

package events

import (
	"errors"
	"io"
	"os"
)

// A logFile is the open file.
type logFile struct {
	file *os.File
	info os.FileInfo
}

func newLogFile(file *os.File, info os.FileInfo) *logFile { return &logFile{file, info} }

// write is one WriteFile on Windows, where O_APPEND has the system itself append.
func (f *logFile) write(line []byte) (int, error) { return f.file.Write(line) }

// torn says whether the file ends in the middle of a line. What cannot be read is taken to: an empty line
// too many does less harm than two records in one.
func (f *logFile) torn() bool {
	info, err := f.file.Stat()
	if err != nil {
		return true
	}
	if info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.file.ReadAt(last[:], info.Size()-1)
	if errors.Is(err, io.EOF) { // it was emptied in between
		return false
	}
	return err != nil || last[0] != '\n'
}

// writtenAfterDeletion says whether something was written to the file after it was deleted. Windows deletes no file
// that is open.
func (f *logFile) writtenAfterDeletion() bool { return false }

// nameless says whether a file was deleted. Here no file is that is open.
func nameless(os.FileInfo) bool { return false }

func (f *logFile) sync() error { return f.file.Sync() }

func (f *logFile) close() error { return f.file.Close() }

// broken says whether err means that the file is of no use any more, while opening the path again may be.
func broken(err error) bool { return errors.Is(err, os.ErrClosed) }
