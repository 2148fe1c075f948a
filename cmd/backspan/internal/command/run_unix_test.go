//go:build unix

package command

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
)

func TestRun(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name           string
		run            string
		limit, timeout time.Duration // the context's, and the attempt's own
		text, kind     string
		attributes     string // all but the pid
	}{
		{name: "success", run: "echo said >&2", attributes: "process.executable.name=sh process.exit.code=0"},
		{
			name: "the last lines of stderr", run: "for i in 1 2 3 4 5 6; do echo line $i; done >&2; exit 3",
			text: "exit code 3: line 2\nline 3\nline 4\nline 5\nline 6", kind: "exit_3",
			attributes: "process.executable.name=sh process.exit.code=3",
		},
		{
			name: "a signal", run: "kill -KILL $$", text: "killed by SIGKILL", kind: "signal",
			attributes: "process.executable.name=sh backspan.process.signal=SIGKILL process.exit.code=137",
		},
		{
			name: "the attempt's own timeout", run: "exec sleep 1000", limit: 20 * time.Millisecond,
			timeout: 20 * time.Millisecond, text: "timed out after 20ms", kind: "timeout",
			attributes: "process.executable.name=sh backspan.process.signal=SIGTERM process.exit.code=143",
		},
		{
			name: "no time for a start", run: "exec sleep 1000", limit: 1, timeout: 1,
			text: "timed out after 1ns", kind: "timeout",
			attributes: "process.executable.name=sh",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, attributes := recorded(t)
			if c.limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.limit)
				defer cancel()
			}
			process := child.Command{Args: []string{"/bin/sh", "-c", c.run}, Grace: 10 * second}
			HoldStderr(&process, false)
			_, err := Run(ctx, process, c.timeout)
			check(t, err, c.text, c.kind)
			if got := attributes(); got != c.attributes {
				t.Errorf("attributes = %q, want %q", got, c.attributes)
			}
		})
	}
}

// A limit further out ends an attempt whose own time is not over: then the error has the time that the command had.
func TestEarlierLimit(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, child.Command{Args: []string{"sleep", "1000"}, Grace: time.Minute}, time.Minute)
	text := err.Error()
	took, parseErr := time.ParseDuration(strings.TrimPrefix(text, "timed out after "))
	if parseErr != nil || took < 20*time.Millisecond || took >= time.Minute ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %q, want that it timed out after 20ms or a little more", text)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, child.Command{Args: []string{"true"}}, time.Minute)
	check(t, err, "stopped after 0s", "cancelled")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("errors.Is(%v, context.Canceled) is false", err)
	}
}

func TestNotFound(t *testing.T) {
	ctx, attributes := recorded(t)
	_, err := Run(ctx, child.Command{Args: []string{"no-such-command"}}, 0)
	check(t, err, "no-such-command: command not found", "not_found")
	if _, ok := errors.AsType[*child.StartError](err); !ok {
		t.Errorf("%v is no *child.StartError", err)
	}
	if got, want := attributes(), "process.executable.name=no-such-command"; got != want {
		t.Errorf("attributes = %q, want %q", got, want)
	}
}

func check(t *testing.T, err error, text, kind string) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("error = %v, want none", err)
		}
		return
	}
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error = %v, want an *Error", err)
	}
	if failure.Error() != text || failure.ErrorType() != kind {
		t.Errorf("error = %q of type %q, want %q of type %q", failure.Error(), failure.ErrorType(), text, kind)
	}
}

// recorded returns a context with a span, and a function that lists its attributes.
func recorded(t *testing.T) (context.Context, func() string) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	ctx, span := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("").Start(
		t.Context(), "attempt 1")
	return ctx, func() string {
		span.End()
		var list []string
		for _, a := range recorder.Ended()[0].Attributes() {
			if a.Key != "process.pid" {
				list = append(list, string(a.Key)+"="+a.Value.String())
			}
		}
		return strings.Join(list, " ")
	}
}
