package events

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// A following is a log that is followed to a terminal or pipe.
type following struct {
	*Options
	*events.Follower
	path    string
	matcher *eventquery.Matcher
	out     *bufio.Writer
	look    logfiles.Look
	told    bool // that there are lines that cannot be read
}

func (o *Options) follow(ctx context.Context, files []string, fromStart bool) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	path := eventfiles.Meant(files)[0]
	switch {
	case o.format == formatCSV:
		return cli.UsageError(errors.New("follow prints text or json; for --format csv use list"))
	case path == "-":
		return cli.UsageError(errors.New("follow reads a file; for standard input use list"))
	case strings.HasSuffix(path, ".gz"):
		return cli.UsageError(fmt.Errorf("nothing is written to %s any more, as it is compressed; use list", path))
	}
	ctx, stop := cli.WithSignals(ctx)
	defer stop()
	follower, err := events.NewFollower(path, events.FollowOptions{FromEnd: !fromStart})
	if err != nil {
		return cli.UsageError(eventfiles.Denied(path, err))
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		cli.Printf(o.Err, "backspan: %s is not there yet; waiting for it\n", path)
	}
	f := &following{o, follower, path, m, bufio.NewWriter(o.Out), o.look(), false}
	err = errors.Join(f.run(ctx), f.Close())
	if n := f.Tally().Unreadable; n > 0 {
		cli.Printf(o.Err, "backspan: %s: %s could not be read in all\n", path, text.Plural(n, "line", "lines"))
	}
	var signalled cli.SignalError
	if err == nil && errors.As(context.Cause(ctx), &signalled) {
		return &cli.ExitError{Code: signalled.Code()}
	}
	return err
}

// lookInterval is how often it is looked whether unreadable lines have come, while no others do, and whether somebody
// still reads stdout.
const lookInterval = time.Second

// run prints records until ctx is done. Each goes out at once: whoever reads them waits for it.
func (f *following) run(ctx context.Context) error {
	for ctx.Err() == nil && f.Err() == nil {
		look, stop := context.WithTimeout(ctx, lookInterval)
		for f.Next(look) {
			if err := f.print(f.Line()); err != nil {
				stop()
				return err
			}
			f.unreadable()
		}
		stop()
		f.unreadable()
		if stdout, ok := f.Out.(*os.File); ok && cli.ReaderGone(stdout) {
			return &cli.ExitError{Code: 128 + int(syscall.SIGPIPE)} // as the next line would end it
		}
	}
	return f.Err()
}

func (f *following) print(l *events.Line) error {
	if !f.matcher.Matches(l) {
		f.query().Dropped(f.matcher.Dropped(l))
		return nil
	}
	_, err := f.out.Write(f.look(f.out.AvailableBuffer(), l))
	return errors.Join(err, f.out.Flush())
}

// unreadable says once that there are lines that cannot be read. How many there were is said at the end.
func (f *following) unreadable() {
	if t := f.Tally(); t.Unreadable > 0 && !f.told {
		f.told = true
		cli.Printf(f.Streams.Err, "backspan: %s: %s could not be read (at byte %d); how many come is said at the end\n",
			f.path, text.Plural(t.Unreadable, "line", "lines"), t.FirstUnreadable)
	}
}
