package eventfiles

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/nearest"
)

// Meant are the files, or the log that is meant when none is named.
func Meant(files []string) []string {
	if len(files) == 0 {
		return []string{settings.EventsFile()}
	}
	return files
}

// memoryLimit is what the memory of a query should stay below, in bytes. What a Merge keeps is bounded, but the garbage
// of describing lines was as much again: 84 MiB for a list of four files.
const memoryLimit = 40 << 20

// opened are the files that are named, and no other; when none is, the log that is meant then and its rotated files,
// but for those that end before since.
func (q Query) opened(files []string, since time.Time) (list []*logfiles.File) {
	if !q.Keeps {
		debug.SetMemoryLimit(min(memoryLimit, debug.SetMemoryLimit(-1))) // GOMEMLIMIT may ask for less
	}
	for _, path := range files {
		if path == "-" {
			list = append(list, logfiles.Of(q.In))
		} else {
			list = append(list, logfiles.Open(path))
		}
	}
	if len(files) > 0 {
		return list
	}
	path := settings.EventsFile()
	all := logfiles.Find(path)
	list = logfiles.Since(all, since)
	if stderr, ok := q.Err.(*os.File); ok && term.IsTerminal(stderr) && len(all) > 1 {
		cli.Printf(q.Err, "backspan: read %d of %d files: %s and its rotated ones\n", len(list), len(all), path)
	}
	return list
}

// each calls do with a reader of each file.
func (q Query) each(files []*logfiles.File, do func(*events.Reader)) (some bool, err error) {
	for _, f := range files {
		if r, err := f.Reader(); err == nil {
			do(r)
		}
		_ = f.Close() // it was only read; what unpacks it takes megabytes
	}
	return q.ended(files)
}

// ended closes the files, and says on stderr what is wrong with each. The error is the exit code when one could not be
// used: that keeps no other from being read. some says whether there is anything to tell of what was read.
func (q Query) ended(files []*logfiles.File) (some bool, err error) {
	some = len(files) == 0 // --since left out all
	for _, f := range files {
		closed := f.Close()
		tally, bad := f.Tally(), q.unusable(f)
		if bad = cmp.Or(bad, closed); bad != nil {
			cli.Printf(q.Err, "backspan: %v\n", bad)
			err = cli.UsageError(nil)
		}
		q.incomplete(f.Path, tally)
		some = some || bad == nil || tally.Records > 0
	}
	return some, err
}

// unusable is why f is no event log, or could not be read to its end.
func (q Query) unusable(f *logfiles.File) error {
	name, tally := f.Path, f.Tally()
	switch err := f.Err(); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s is not there%s; name the log that telemetry writes, or run backspan demo to make one",
			cmp.Or(name, `""`), nearest.Ask(f.Path, []string{"list", "count", "stats", "follow"}))
	case errors.Is(err, os.ErrPermission):
		return Denied(f.Path, err)
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case tally.Records > 0:
		return nil
	case tally.CutShort:
		return fmt.Errorf("%s is cut short before its first event: the compressed file is not whole", name)
	case tally.Unreadable+tally.Held > 0:
		return fmt.Errorf("%s holds no events: nothing in it is a record; is it an events.jsonl?", name)
	}
	return nil
}

// Denied is err, but says what helps when it is that path may not be read.
func Denied(path string, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%s: permission denied; a log belongs to who wrote it: ask as that user", path)
	}
	return err
}

// incomplete says on stderr what of a file could not be read.
func (q Query) incomplete(path string, t events.Tally) {
	if t.Unreadable > 0 && t.Records > 0 {
		cli.Printf(q.Err, "backspan: %s: %s could not be read (%d bytes, the first at byte %d)\n",
			path, text.Plural(t.Unreadable, "line", "lines"), t.UnreadableBytes, t.FirstUnreadable)
	}
	if t.Held > 0 && t.Records > 0 {
		cli.Printf(q.Err, "backspan: %s: the last line is incomplete (%d bytes) and was left out\n", path, t.Held)
	}
	if t.CutShort && t.Records > 0 {
		cli.Printf(q.Err, "backspan: %s: the compressed file is cut short: what was in the rest is missing\n", path)
	}
}

// Dropped says on stderr that the log owns up to lines that are not in it.
func (q Query) Dropped(n int64) {
	if n > 0 {
		cli.Printf(q.Err, "backspan: %s lost when they were written; --type %s shows when and why\n",
			text.Plural(n, "event", "events"), events.TypeEventsDropped)
	}
}
