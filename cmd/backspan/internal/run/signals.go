package run

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
)

// withSignals returns two contexts. The first signal that means the end cancels ctx: the commands are told to end,
// and what cleans up goes on. The second one cancels cleanup: everything has to end at once, because commands would
// outlive this process. A third one ends this process. stop removes the handler.
func withSignals(parent context.Context) (ctx, cleanup context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	cleanup, cancelCleanup := context.WithCancelCause(parent)
	// SIGPIPE has a handler for the rest of the process's life, so that a reader of stdout or stderr who leaves does
	// not end it: writing fails, the commands hear of it, and the report is still made. To ignore the signal would be
	// inherited by the commands.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return ctx, cleanup, cli.OnSignals(cancel, cancelCleanup)
}
