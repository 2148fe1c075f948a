package logfiles

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/safefile"
)

// A File is an input that is read as an event log. It is for one goroutine.
type File struct {
	Path string // - for an input that was not opened by its name

	in     io.Reader
	file   *os.File // in, when it was opened here
	info   os.FileInfo
	failed error // why it cannot be opened
	again  bool  // in has been read from

	reader *events.Reader
	plain  io.ReadCloser // what reader reads
	packed bool          // plain is unpacked
}

// Open opens the file at path, and no other. That it cannot be opened is what its Reader says.
func Open(path string) *File {
	f := &File{Path: path}
	file, err := safefile.Open(path)
	if err != nil {
		f.failed = err
		return f
	}
	if f.info, err = file.Stat(); err != nil {
		f.failed = errors.Join(err, file.Close())
		return f
	}
	f.in, f.file = file, file
	return f
}

// Of is in, which is not closed.
func Of(in io.Reader) *File { return &File{Path: "-", in: in} }

// Reader reads f from its beginning. It holds until the next call, and is not to be closed.
func (f *File) Reader() (*events.Reader, error) {
	in, err := f.rewound()
	if err != nil {
		return nil, err
	}
	f.plain, f.packed = Decompress(in)
	f.reader = events.NewReader(f.plain)
	return f.reader, nil
}

// rewound is f's input at its beginning.
func (f *File) rewound() (io.Reader, error) {
	if f.failed != nil {
		return nil, f.failed
	}
	f.unpacked()
	if f.again {
		if !f.seekable() {
			return nil, fmt.Errorf("%s can be read once only", f.Path)
		}
		if _, err := f.file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	f.again = true
	return f.in, nil
}

// unpacked gives back what unpacking took.
func (f *File) unpacked() {
	if f.plain != nil {
		_ = f.plain.Close() // of memory
		f.plain = nil
	}
}

// seekable says whether f can be read twice.
func (f *File) seekable() bool { return f.file != nil && f.info.Mode().IsRegular() }

// Tally says what the last Reader has come across.
func (f *File) Tally() events.Tally {
	if f.reader == nil {
		return events.Tally{}
	}
	return f.reader.Tally()
}

// Err is why f could not be opened or read to its end.
func (f *File) Err() error {
	if f.failed != nil || f.reader == nil {
		return f.failed
	}
	return f.reader.Err()
}

// Close closes what Open opened. Tally and Err stay.
func (f *File) Close() error {
	f.unpacked()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
