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
	if err != nil {
		return fmt.Errorf("writing what the command wrote: %w", err)
	}
	return nil
}

func (f *tempFile) close() {
	if f != nil {
		_ = f.Close()           // what was wanted of it has been read
		_ = os.Remove(f.Name()) // where it could not be removed at once
	}
}
