package command

import (
	"syscall"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
)

func TestEnds(t *testing.T) {
	var (
		exited   = func(code int) child.Result { return child.Result{ExitCode: code} }
		timedOut = child.Result{ExitCode: -1, Signal: syscall.SIGTERM, Stopped: true}
		deaf     = child.Result{ExitCode: -1, Signal: syscall.SIGKILL, Stopped: true}
		killed   = child.Result{ExitCode: -1, Signal: syscall.SIGKILL}
		missing  = child.Result{ExitCode: -1, Err: &child.StartError{Name: "x", Code: child.CodeNotFound}}
	)
	for _, c := range []struct {
		list, prints string
		has, hasNot  []child.Result
	}{
		{"", "", nil, []child.Result{exited(0), exited(1), timedOut, killed, missing}},
		{"1", "1", []child.Result{exited(1)}, []child.Result{exited(0), exited(2), timedOut, killed}},
		{
			"75-78, 1", "1,75-78",
			[]child.Result{exited(1), exited(75), exited(78)},
			[]child.Result{exited(74), exited(79)},
		},
		{"254-255", "254-255", []child.Result{exited(255)}, []child.Result{exited(1), exited(0)}},
		{"1-1", "1", []child.Result{exited(1)}, []child.Result{exited(2)}},
		{"timeout", "timeout", []child.Result{timedOut, deaf}, []child.Result{exited(124), killed}},
		{"signal", "signal", []child.Result{killed}, []child.Result{timedOut, deaf, exited(137)}},
		{"124", "124", []child.Result{timedOut, exited(124)}, []child.Result{deaf}},
		{"137", "137", []child.Result{killed, deaf, exited(137)}, []child.Result{timedOut}},
		{"127", "127", []child.Result{missing, exited(127)}, []child.Result{exited(126)}},
		{
			"signal,3,timeout,1-2", "1-3,timeout,signal",
			[]child.Result{exited(2), timedOut, killed},
			[]child.Result{exited(4)},
		},
	} {
		var e Ends
		if c.list != "" {
			if err := e.Set(c.list); err != nil {
				t.Errorf("Set(%q) = %v", c.list, err)
			}
		}
		if got := e.String(); got != c.prints || e.Empty() != (c.list == "") {
			t.Errorf("%q: String() = %q, want %q; Empty() = %v", c.list, got, c.prints, e.Empty())
		}
		for _, r := range c.has {
			if !e.Has(r) {
				t.Errorf("%q has not %v (%d)", c.list, r, r.Code())
			}
		}
		for _, r := range c.hasNot {
			if e.Has(r) {
				t.Errorf("%q has %v (%d)", c.list, r, r.Code())
			}
		}
	}
}

func TestUnusableEnds(t *testing.T) {
	for _, c := range []struct{ list, says string }{
		{"", "want " + EndsWant},
		{"0", "want " + EndsWant},
		{"256", "want " + EndsWant},
		{"-1", "want " + EndsWant},
		{"1-", "want " + EndsWant},
		{"1-2-3", "want " + EndsWant},
		{"1,,2", "want " + EndsWant},
		{"timeouts", "want " + EndsWant},
		{"9-5", "want 5-9 in place of 9-5"},
	} {
		e := Ends{timeout: true}
		if err := e.Set(c.list); err == nil || err.Error() != c.says {
			t.Errorf("Set(%q) = %v, want %q", c.list, err, c.says)
		}
		if e.String() != "timeout" {
			t.Errorf("Set(%q) changed the set to %v", c.list, e.String())
		}
	}
}
