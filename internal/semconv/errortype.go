package semconv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// The values of ErrorTypeKey that have no Go type of their own.
const (
	ErrorTypePanic  = "panic"
	ErrorTypeGoexit = "goexit"
)

// classes are errors with a short stable name, the most telling first: a refused connection is also a net.Error.
var classes = []struct {
	err  error
	name string
}{
	{context.Canceled, "cancelled"},
	{context.DeadlineExceeded, "timeout"},
	{os.ErrDeadlineExceeded, "timeout"},
	{syscall.ETIMEDOUT, "timeout"},
	{syscall.ECONNREFUSED, "connection_refused"},
	{errnoConnRefused, "connection_refused"},
	{syscall.ECONNRESET, "connection_reset"},
	{errnoConnReset, "connection_reset"},
	{syscall.EPIPE, "broken_pipe"},
	{syscall.EHOSTUNREACH, "host_unreachable"},
	{syscall.ENETUNREACH, "network_unreachable"},
	{syscall.ENOSPC, "disk_full"},
	{io.ErrUnexpectedEOF, "unexpected_eof"},
	{io.EOF, "eof"},
	{net.ErrClosed, "connection_closed"},
	{fs.ErrNotExist, "not_found"},
	{fs.ErrPermission, "permission_denied"},
}

// ErrorType classifies err for ErrorTypeKey: the answer of an ErrorType() string method anywhere in its tree,
// else a short stable name for the common failures of networks and files, else its Go type below the wraps of
// fmt.Errorf and of this module. It is "" for nil.
func ErrorType(err error) (name string) {
	if err == nil {
		return ""
	}
	// The methods of a foreign error run here, and telemetry must not bring its host down.
	defer func() {
		if recover() != nil {
			name = fmt.Sprintf("%T", err)
		}
	}()
	var typed interface{ ErrorType() string }
	if errors.As(err, &typed) {
		if name := typed.ErrorType(); name != "" {
			return name
		}
	}
	for _, class := range classes {
		if errors.Is(err, class.err) {
			return class.name
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "dns"
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	return fmt.Sprintf("%T", bare(err))
}

// wrapperType is the type of fmt.Errorf("…%w"), which says nothing about the error.
var wrapperType = fmt.Sprintf("%T", fmt.Errorf("%w", io.EOF))

// bare takes off the wraps that only add words.
func bare(err error) error {
	for {
		_, ours := err.(interface{ BackspanWrapper() })
		if !ours && fmt.Sprintf("%T", err) != wrapperType {
			return err
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// ErrorText is err's message. An error whose Error method panics (a nil pointer in an interface, most often)
// must not bring the host down just because its failure is recorded.
func ErrorText(err error) (text string) {
	if err == nil {
		return ""
	}
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("%T (its Error method panicked: %v)", err, r)
		}
	}()
	return err.Error()
}
