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

// classes are errors with a short stable name, the most specific first: a refused connection is also a net.Error.
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

// ErrorType classifies err for ErrorTypeKey: the answer of an ErrorType() string method anywhere in its tree, or of the
// SQLState() string of a database's error, as the conventions for databases want it; else a short stable name for the
// common failures of networks and files, else its Go type below the wraps of fmt.Errorf and of this module. It is ""
// for nil.
func ErrorType(err error) (name string) {
	if err == nil {
		return ""
	}
	// The methods of a user's error run here, and their panics must not reach the host.
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

// findings are collected in one walk through the tree of an error. An errors.Is for each class would walk it twenty
// times, a tenth of the cost of a failed attempt.
type findings struct {
	own     string // the first answer of an ErrorType or SQLState method
	class   int    // the most specific of classes
	dns     bool
	timeout bool // a Timeout method says so
}

func (f *findings) look(err error) (enough bool) {
	if e, ok := As[interface{ ErrorType() string }](err); ok {
		if f.own = e.ErrorType(); f.own != "" {
			return true
		}
	}
	if e, ok := As[interface{ SQLState() string }](err); ok {
		if f.own = e.SQLState(); f.own != "" {
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

// bare unwraps err as long as the wrapper only adds text.
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

// ErrorText is err's message. An Error method that panics, most often one of a nil pointer in an interface, becomes
// a text that says so.
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
