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

// keepStdin reads stdin to its end into an unnamed file. With a pipe in its place, a command that stops reading early
// would need a goroutine to feed it.
func (x *execution) keepStdin(ctx context.Context) error {
	file, err := unnamedFile("backspan-stdin-*")
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

// close removes the file with stdin.
func (x *execution) close() { (&heldOutput{x.stdin}).close() }

// A heldOutput is the stdout of an attempt, kept back until the attempt has succeeded. It may be nil.
type heldOutput struct{ file *os.File }

func newHeldOutput() (*heldOutput, error) {
	file, err := unnamedFile("backspan-stdout-*")
	if err != nil {
		return nil, fmt.Errorf("keeping stdout: %w", err)
	}
	return &heldOutput{file}, nil
}

// release writes all of it to w.
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
	_ = h.file.Close()           // it was read as far as it is needed
	_ = os.Remove(h.file.Name()) // where an open file cannot be removed
}

// unnamedFile is a temporary file that vanishes with the process, however that ends.
func unnamedFile(pattern string) (*os.File, error) {
	file, err := os.CreateTemp("", pattern)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // where an open file cannot be removed, close removes it
	return file, nil
}

// An outputError is a failure of exec itself with the command's streams.
type outputError struct{ err error }

func (e *outputError) Error() string { return e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// ending is that of any program that writes to a closed pipe: it ends by SIGPIPE, without a message.
func (e *outputError) ending() (ending, error) {
	if errors.Is(e.err, syscall.EPIPE) {
		return ending{code: child.CodeSignal + int(syscall.SIGPIPE), died: true}, nil
	}
	return ending{}, e.err
}
