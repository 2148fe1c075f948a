package eventfiles

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/events"
)

// A Query reads event logs for a verb, and says on stderr what is to be said of the files.
type Query struct {
	cli.Streams
	Zone *time.Location // of the times that are said

	// Keeps says that the verb keeps what it reads. Its memory has no limit then: near one the garbage collector would
	// take most of the time.
	Keeps bool
}

// Range reads the values of the flags --since and --until. The error is one of usage.
func Range(flags *pflag.FlagSet, since, until string) (from, to time.Time, err error) {
	for _, f := range []struct{ name, value string }{{"since", since}, {"until", until}} {
		if f.value == "" && flags.Changed(f.name) {
			_, err := eventquery.ParseTime(f.value, time.Now())
			return from, to, cli.UsageError(fmt.Errorf("--%s: %w", f.name, err))
		}
	}
	if from, to, err = eventquery.ParseRange(since, until, time.Now()); err != nil {
		return from, to, cli.UsageError(err)
	}
	return from, to, nil
}

// InOrder calls each for what look makes of each record that matters, in the order of time when there are several
// files, and then ended, before anything is said of the files. some is as of each.
func (q Query) InOrder(
	m *eventquery.Matcher, files []string, look logfiles.Look, each func(piece []byte) error, ended func() error,
) (some bool, err error) {
	return q.inOrder(m, files, func(list []*logfiles.File, matters func(*events.Line) bool) (logfiles.Order, error) {
		order, err := logfiles.Merge(list, func(pieces []byte, l *events.Line) []byte {
			if !matters(l) {
				return pieces
			}
			return look(pieces, l)
		}, each)
		return order, errors.Join(err, ended())
	})
}

// Lines is InOrder for those who need the records themselves.
func (q Query) Lines(m *eventquery.Matcher, files []string, each func(*events.Line) error) (some bool, err error) {
	return q.inOrder(m, files, func(list []*logfiles.File, matters func(*events.Line) bool) (logfiles.Order, error) {
		return logfiles.MergeLines(list, matters, each)
	})
}

func (q Query) inOrder(
	m *eventquery.Matcher, files []string,
	merge func(list []*logfiles.File, matters func(*events.Line) bool) (logfiles.Order, error),
) (some bool, err error) {
	var dropped atomic.Int64
	var looked search
	list := q.opened(files, m.Since())
	order, err := merge(list, func(l *events.Line) bool {
		if n := m.Dropped(l); n > 0 {
			dropped.Add(n)
		}
		matches := m.Matches(l)
		looked.at(l, matches)
		return matches
	})
	if err != nil {
		logfiles.CloseAll(list)
		return false, err
	}
	some, err = q.ended(list)
	if late := order.Fault(); late != "" {
		cli.Printf(q.Err, "backspan: %s\n", late)
	}
	q.Dropped(dropped.Load())
	if some {
		q.found(m, list, looked.found.Load(), &looked.seen)
	}
	return some, err
}

// InAnyOrder calls do for each record that matters, from several goroutines, each of which has a number of its own.
// some is as of each.
func (q Query) InAnyOrder(
	m *eventquery.Matcher, files []string, do func(worker int, l *events.Line),
) (dropped int64, some bool, err error) {
	looked := make([]looking, logfiles.Workers)
	list := q.opened(files, m.Since())
	some, err = q.each(list, func(r *events.Reader) {
		_ = r.Each(logfiles.Workers, func(worker int, l *events.Line) { // whose error r.Err returns as well
			w := &looked[worker]
			w.dropped += m.Dropped(l)
			switch {
			case m.Matches(l):
				w.found = true
				do(worker, l)
			case !w.found:
				w.seen.add(l)
			}
		})
	})
	if !some {
		return 0, false, err
	}
	var all looking
	for i := range looked {
		all.found = all.found || looked[i].found
		all.dropped += looked[i].dropped
		all.seen.merge(&looked[i].seen)
	}
	q.found(m, list, all.found, &all.seen)
	return all.dropped, true, err
}
