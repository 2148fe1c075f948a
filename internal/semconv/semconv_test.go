package semconv_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

func TestNamesOfAttempts(t *testing.T) {
	for n, want := range map[int]string{
		-1: "attempt 1", 0: "attempt 1", 1: "attempt 1", 9: "attempt 9", 10: "attempt 10+", 1e9: "attempt 10+",
	} {
		if got := semconv.AttemptName(n); got != want {
			t.Errorf("AttemptName(%d) = %q, want %q", n, got, want)
		}
	}
	if got := semconv.RecoveryName(2); got != "recovery 2" {
		t.Errorf("RecoveryName(2) = %q", got)
	}
	if n := testing.AllocsPerRun(10, func() { semconv.AttemptName(12) }); n != 0 {
		t.Errorf("%v allocations for a name", n)
	}
}

type typed struct{ name string }

func (typed) Error() string       { return "typed" }
func (e typed) ErrorType() string { return e.name }

// alike is an error that calls itself another one's like.
type alike struct{ other error }

func (alike) Error() string          { return "alike" }
func (a alike) Is(target error) bool { return target == a.other }

// late says that it is a timeout, and belongs to no class.
type late struct{ error }

func (late) Timeout() bool { return true }

// sqlError is like the errors of drivers for PostgreSQL.
type sqlError struct{ state string }

func (sqlError) Error() string      { return "sql" }
func (e sqlError) SQLState() string { return e.state }

type broken struct{}

func (*broken) Error() string     { panic("no message") }
func (*broken) ErrorType() string { panic("no type") }

type wrapper struct{ error }

func (w wrapper) Unwrap() error  { return w.error }
func (wrapper) BackspanWrapper() {}

func TestErrorType(t *testing.T) {
	_, refused := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	_, missing := os.Open("does/not/exist")
	for want, err := range map[string]error{
		"":                     nil,
		"rate_limited":         fmt.Errorf("call: %w", errors.Join(io.EOF, typed{"rate_limited"})),
		"40001":                fmt.Errorf("commit: %w", sqlError{"40001"}),
		"semconv_test.typed":   typed{""},
		"*semconv_test.broken": (*broken)(nil),
		"*errors.errorString":  fmt.Errorf("a: %w", wrapper{fmt.Errorf("b: %w", errors.New("c"))}),
		"cancelled":            fmt.Errorf("a: %w", context.Canceled),
		"timeout":              fmt.Errorf("a: %w", context.DeadlineExceeded),
		"connection_refused":   refused,
		"connection_reset":     &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"unexpected_eof":       io.ErrUnexpectedEOF,
		"dns":                  &net.DNSError{Name: "nowhere", IsTimeout: true},
		"not_found":            missing,
		"disk_full":            &os.PathError{Op: "write", Err: syscall.ENOSPC},
		// the most telling, not the first
		"broken_pipe":       errors.Join(io.EOF, nil, fmt.Errorf("a: %w", syscall.EPIPE)),
		"permission_denied": alike{fs.ErrPermission},
		"quota":             errors.Join(typed{""}, syscall.ENOSPC, typed{"quota"}),
		"eof":               fmt.Errorf("a: %w", fmt.Errorf("b: %w", io.EOF)),
	} {
		if got := semconv.ErrorType(err); got != want {
			t.Errorf("ErrorType(%T) = %q, want %q", err, got, want)
		}
	}
}

func TestATimeoutSaysSoItself(t *testing.T) {
	if got := semconv.ErrorType(fmt.Errorf("a: %w", late{errors.New("b")})); got != "timeout" {
		t.Errorf("got %q", got)
	}
}

// Every failed attempt asks.
func TestErrorTypeTakesNoMemory(t *testing.T) {
	err := fmt.Errorf("call: %w", errors.New("refused"))
	if n := testing.AllocsPerRun(100, func() { semconv.ErrorType(err) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestErrorTextOfABrokenError(t *testing.T) {
	got, want := semconv.ErrorText((*broken)(nil)), "*semconv_test.broken (its Error method panicked: no message)"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if semconv.ErrorText(nil) != "" || semconv.ErrorText(io.EOF) != "EOF" {
		t.Error("the text of nil or of a sound error is wrong")
	}
}

// standsFor is an error of a library that has As and no Unwrap.
type standsFor struct{ other error }

func (standsFor) Error() string        { return "stands for another" }
func (s standsFor) As(target any) bool { return errors.As(s.other, target) }

func TestErrorTypeHearsAsMethods(t *testing.T) {
	for want, err := range map[string]error{
		"quota":                  fmt.Errorf("a: %w", standsFor{typed{"quota"}}),
		"dns":                    standsFor{&net.DNSError{Name: "nowhere"}},
		"timeout":                standsFor{late{errors.New("a")}},
		"semconv_test.standsFor": standsFor{errors.New("a")},
	} {
		if got := semconv.ErrorType(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A ring wraps itself, and so does each branch of a thicket, twice.
type (
	ring    struct{ next error }
	thicket struct{}
)

func (*ring) Error() string       { return "ring" }
func (r *ring) Unwrap() error     { return r.next }
func (thicket) Error() string     { return "thicket" }
func (t thicket) Unwrap() []error { return []error{nil, t, t} }

func TestAnErrorThatWrapsItselfHasAType(t *testing.T) {
	round := &ring{}
	round.next = fmt.Errorf("a: %w", round)
	for want, err := range map[string]error{
		"*semconv_test.ring":   round,
		"semconv_test.thicket": thicket{},
		"broken_pipe":          errors.Join(syscall.EPIPE, round),
	} {
		if got := semconv.ErrorType(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWalkStopsWhenItIsEnough(t *testing.T) {
	var seen []string
	err := fmt.Errorf("top: %w", errors.Join(errors.Join(errors.New("a"), nil, errors.New("b")), errors.New("c")))
	semconv.Walk(err, func(err error) bool {
		if _, joined := err.(interface{ Unwrap() []error }); !joined {
			seen = append(seen, err.Error()[:1])
		}
		return err.Error() == "b"
	})
	if want := []string{"t", "a", "b"}; !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
	semconv.Walk(nil, func(error) bool { t.Error("nil was visited"); return false })
}

func TestDurationBuckets(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-1: 0, 0: 0, time.Millisecond: 0, 1414 * time.Microsecond: 0, 1415 * time.Microsecond: 1,
		2 * time.Millisecond: 2,
		time.Second:          19, 1024 * time.Millisecond: 20, time.Hour - 1: 43, time.Hour: 44, 100 * time.Hour: 44,
	} {
		if got := semconv.DurationBucket(d); got != want {
			t.Errorf("%v: bucket %d, want %d", d, got, want)
		}
	}
}

// The bounds of a length are those by which it is told.
func TestDurationBounds(t *testing.T) {
	for i := range semconv.DurationBuckets {
		from, to := semconv.DurationBounds(i)
		if got := semconv.DurationBucket(from); got != i {
			t.Errorf("%v, where length %d begins, has length %d", from, i, got)
		}
		if got := semconv.DurationBucket(to - 1); got != i {
			t.Errorf("%v, before the end of length %d, has length %d", to-1, i, got)
		}
	}
}
