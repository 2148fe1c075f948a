package command

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
)

func TestWhatIsRetried(t *testing.T) {
	only, never := ends(t, "127,timeout"), ends(t, "signal")
	refused := &Patterns{}
	if err := refused.Set("^refused$"); err != nil {
		t.Fatal(err)
	}
	gone := &child.StartError{Code: 127}
	failed := func(r child.Result) error { return &Error{Result: r} }
	for _, c := range []struct {
		name   string
		policy Policy
		err    error
		want   bool
	}{
		{"any code", Policy{}, failed(child.Result{ExitCode: 1}), true},
		{"what cannot be started is not", Policy{}, failed(child.Result{Err: &child.StartError{Code: 127}}), false},
		{
			"but a machine without room may have some",
			Policy{},
			failed(child.Result{Err: &child.StartError{Code: child.CodeOwn, Err: syscall.EAGAIN}}), true,
		},
		{
			"while a directory that is missing stays so",
			Policy{},
			failed(child.Result{Err: &child.StartError{Code: child.CodeOwn, Err: os.ErrNotExist}}), false,
		},
		{
			"unless its code is named",
			Policy{RetryOn: only},
			failed(child.Result{Err: &child.StartError{Code: 127}}), true,
		},
		{"a code that is not named", Policy{RetryOn: only}, failed(child.Result{ExitCode: 1}), false},
		{"a code that is not to stop", Policy{StopOn: never}, failed(child.Result{ExitCode: 1}), true},
		{"output that is named", Policy{RetryOnOutput: refused}, failed(child.Result{Tail: "a\nrefused\n"}), true},
		{"also on stdout", Policy{RetryOnOutput: refused}, failed(child.Result{StdoutTail: "refused"}), true},
		{
			"or a code beside it",
			Policy{RetryOn: only, RetryOnOutput: refused},
			failed(child.Result{ExitCode: 127}), true,
		},
		{"neither", Policy{RetryOn: only, RetryOnOutput: refused}, failed(child.Result{Tail: "refused it"}), false},
		{
			"a command that is not there says nothing",
			Policy{RetryOnOutput: refused},
			failed(child.Result{Err: gone}), false,
		},
		{
			"output that stops wins",
			Policy{RetryOn: only, StopOnOutput: refused},
			failed(child.Result{ExitCode: 127, Tail: "\x1b[1mrefused\x1b[0m"}), false,
		},
		{"output that does not", Policy{StopOnOutput: refused}, failed(child.Result{ExitCode: 1}), true},
		{"a bad output, when messages are named", Policy{RetryOnOutput: refused}, errors.New("no JSON"), false},
		{"stop_on wins", Policy{RetryOn: never, StopOn: never}, failed(child.Result{Signal: 9}), false},
		{"a bad output", Policy{}, errors.New("no JSON"), true},
		{"a bad output, when others are named", Policy{RetryOn: only}, errors.New("no JSON"), false},
	} {
		if got := c.policy.Retryable(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func ends(t *testing.T, text string) *Ends {
	t.Helper()
	var e Ends
	if err := e.Set(text); err != nil {
		t.Fatal(err)
	}
	return &e
}
