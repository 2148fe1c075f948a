package exec

import (
	"context"
	"fmt"
	"io"
	"os"
)

// keepStdin reads stdin to its end into an unnamed file. With a pipe in its place, a command that stops reading early
// would need a goroutine to feed it.
func (x *execution) keepStdin(ctx context.Context) error {
	file, err := newTempFile("backspan-stdin-*")
	if err != nil {
		return err
	}
	x.stdin = file
	read := make(chan error, 1)
	go func() {
		// The struct hides the file's ReadFrom: the kernel's copy has errors that do not say which side failed.
		_, err := io.Copy(struct{ io.Writer }{file}, x.In)
		read <- err
	}()
	select {
	case err := <-read:
		return err
	case <-ctx.Done(): // the goroutine ends with the process: a read from a terminal cannot be given up
		return context.Cause(ctx)
	}
}

// A tempFile is a temporary file that vanishes with the process, however that ends. A nil one is none.
type tempFile struct{ *os.File }

func newTempFile(pattern string) (*tempFile, error) {
	file, err := os.CreateTemp("", pattern)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // some systems remove no open file: then close does
	return &tempFile{file}, nil
}

// copyTo writes the whole file to w.
func (f *tempFile) copyTo(w io.Writer) error {
	if f == nil {
		return nil
	}
	_, err := f.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(w, f.File)
	}
	return notWritten(err)
}

// tail is the end of the file, at most size bytes; empty when it cannot be read.
func (f *tempFile) tail(size int64) string {
	if f == nil {
		return ""
	}
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	size = min(size, info.Size())
	end := make([]byte, size)
	n, _ := f.ReadAt(end, info.Size()-size) // what was read is good
	return string(end[:n])
}

// notWritten is the error of exec itself when stdout does not take what the command wrote; nil for nil.
func notWritten(err error) error {
	if err != nil {
		return fmt.Errorf("writing what the command wrote: %w", err)
	}
	return nil
}

// A passage passes on what the command writes to stdout, and keeps the first error of that: the command may have ended
// before it could meet it.
type passage struct {
	to  io.Writer
	err error
}

func (p *passage) Write(text []byte) (int, error) {
	n, err := p.to.Write(text)
	if p.err == nil {
		p.err = err
	}
	return n, err
}

func (f *tempFile) close() {
	if f != nil {
		_ = f.Close()           // what was wanted of it has been read
		_ = os.Remove(f.Name()) // where it could not be removed at once
	}
}
