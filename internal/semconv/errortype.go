package semconv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"reflect"
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
			name = typeName(err)
		}
	}()
	f := findings{class: len(classes)}
	Walk(err, f.look)
	switch {
	case f.own != "":
		return f.own
	case f.class < len(classes):
		return classes[f.class].name
	case f.dns:
		return "dns"
	case f.timeout:
		return "timeout"
	}
	return typeName(bare(err))
}

// findings are gathered in one walk through the tree of an error. An errors.Is for each class would walk it twenty
// times, and be a tenth of what a failed attempt costs.
type findings struct {
	own     string // the first answer of an ErrorType method
	class   int    // the most telling of classes
	dns     bool
	timeout bool // a Timeout method says so
}

func (f *findings) look(err error) (enough bool) {
	if e, ok := As[interface{ ErrorType() string }](err); ok {
		if f.own = e.ErrorType(); f.own != "" {
			return true
		}
	}
	alike, _ := err.(interface{ Is(error) bool })
	for i := range classes[:f.class] {
		if err == classes[i].err || alike != nil && alike.Is(classes[i].err) { //nolint:errorlint // Walk unwraps
			f.class = i
			break
		}
	}
	if _, ok := As[*net.DNSError](err); ok {
		f.dns = true
	}
	if e, ok := As[interface{ Timeout() bool }](err); ok && e.Timeout() {
		f.timeout = true
	}
	return false
}

// typeName is err's type as %T prints it.
func typeName(err error) string { return reflect.TypeOf(err).String() }

// wrapper is the type of fmt.Errorf("…%w"), which says nothing about the error.
var wrapper = reflect.TypeOf(fmt.Errorf("%w", io.EOF))

// bare takes off the wraps that only add words.
func bare(err error) error {
	for {
		_, ours := err.(interface{ BackspanWrapper() })
		if !ours && reflect.TypeOf(err) != wrapper {
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
