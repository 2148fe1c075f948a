package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
)

// keepStdin reads stdin to its end into a file that has no name. (A file and not a pipe: a command may stop reading where it
// likes, and nobody has to feed it.)
func (x *execution) keepStdin(ctx context.Context) error {
	file, err := unnamedFile("backspan-stdin-*")
	if err != nil {
		return err
	}
	x.stdin = file
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(struct{ io.Writer }{file}, x.In) // a copy within the kernel has errors without a side
		read <- err
	}()
	select {
	case err := <-read:
		return err
	case <-ctx.Done(): // the goroutine ends with the process: a read from a terminal cannot be given up
		return context.Cause(ctx)
	}
}

// close frees what the attempts shared.
func (x *execution) close() { (&heldOutput{x.stdin}).close() }

// heldOutput is the stdout of an attempt, kept back until it is known to be wanted. All of it may be nil.
type heldOutput struct{ file *os.File }

func newHeldOutput() (*heldOutput, error) {
	file, err := unnamedFile("backspan-stdout-*")
	if err != nil {
		return nil, fmt.Errorf("keeping stdout: %w", err)
	}
	return &heldOutput{file}, nil
}

// release writes it all to w.
func (h *heldOutput) release(w io.Writer) error {
	if h == nil {
		return nil
	}
	_, err := h.file.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(w, h.file)
	}
	if err != nil {
		return fmt.Errorf("writing what the command wrote: %w", err)
	}
	return nil
}

func (h *heldOutput) close() {
	if h == nil || h.file == nil {
		return
	}
	_ = h.file.Close()           // what was wanted of it has been read
	_ = os.Remove(h.file.Name()) // where it could not be removed at once
}

// unnamedFile is a temporary file that vanishes with the process, however that ends.
func unnamedFile(pattern string) (*os.File, error) {
	file, err := os.CreateTemp("", pattern)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // some systems remove no open file: then close does
	return file, nil
}

// An outputError is trouble of exec's own with the command's streams.
type outputError struct{ err error }

func (e *outputError) Error() string { return e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// ending is that of a program that writes to where nobody reads: quietly, by the signal.
func (e *outputError) ending() (ending, error) {
	if errors.Is(e.err, syscall.EPIPE) {
		return ending{code: child.CodeSignal + int(syscall.SIGPIPE), died: true}, nil
	}
	return ending{}, e.err
}
