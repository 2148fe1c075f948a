package events

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/nearest"
)

// each calls do with a reader of each file. A file that cannot be used is named on stderr and keeps no other from
// being read; the error at the end is the exit code then. An error of do ends it all. some says whether there is
// anything to tell of what was read.
func (o *Options) each(files []string, do func(*events.Reader) error) (some bool, err error) {
	for _, path := range logsMeant(files) {
		read, bad, stop := o.one(path, do)
		if stop != nil {
			return false, stop
		}
		if some = some || read; bad != nil {
			cli.Printf(o.Err, "backspan: %v\n", bad)
			err = cli.UsageError(nil)
		}
	}
	return some, err
}

// logsMeant are the files, or the log that is meant when none is named.
func logsMeant(files []string) []string {
	if len(files) == 0 {
		return []string{settings.EventsFile()}
	}
	return files
}

// one is each for one file. stop is the error of do.
func (o *Options) one(path string, do func(*events.Reader) error) (read bool, bad, stop error) {
	reader, err := o.open(path)
	if err != nil {
		return false, err, nil
	}
	stop = do(reader)
	tally := reader.Tally()
	if err := cmp.Or(reader.Err(), reader.Close()); err != nil {
		bad = fmt.Errorf("%s: %w", path, err)
	} else if tally.Records == 0 && tally.Unreadable+tally.Held > 0 {
		bad = fmt.Errorf("%s holds no events: nothing in it is a record; is it an events.jsonl?", path)
	}
	o.incomplete(path, tally)
	return bad == nil || tally.Records > 0, bad, stop
}

func (o *Options) open(path string) (*events.Reader, error) {
	if path == "-" {
		return events.NewReader(o.In), nil
	}
	reader, err := events.OpenFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there%s; name the log that telemetry writes, or run backspan demo to make one",
			cmp.Or(path, `""`), nearest.Ask(path, []string{"list", "count", "stats", "follow"}))
	}
	return reader, denied(path, err)
}

// denied is err, but says what helps when it is that path may not be read.
func denied(path string, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%s: permission denied; a log belongs to who wrote it: ask as that user", path)
	}
	return err
}

// incomplete says on stderr what of a file could not be read.
func (o *Options) incomplete(path string, t events.Tally) {
	if t.Unreadable > 0 && t.Records > 0 {
		cli.Printf(o.Err, "backspan: %s: %s could not be read (%d bytes, the first at byte %d)\n",
			path, text.Plural(t.Unreadable, "line", "lines"), t.UnreadableBytes, t.FirstUnreadable)
	}
	if t.Held > 0 && t.Records > 0 {
		cli.Printf(o.Err, "backspan: %s: the last line is incomplete (%d bytes) and was left out\n", path, t.Held)
	}
	if t.CutShort {
		cli.Printf(o.Err, "backspan: %s: the compressed file is cut short; what was in the rest is missing here\n", path)
	}
}

// dropped says on stderr that the log owns up to lines that are not in it.
func (o *Options) dropped(n int64) {
	if n > 0 {
		cli.Printf(o.Err, "backspan: %s lost when they were written; --type %s shows when and why\n",
			text.Plural(n, "event", "events"), events.TypeEventsDropped)
	}
}
