package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/telemetry"
)

// events checks that lines can be added to the event log, and reads those in it.
func (e *exam) events() {
	path := e.Config.Events
	switch path {
	case telemetry.Off:
		e.found("events", Note, "", "there is no event log (%s)", e.Source("Events"))
		return
	case "":
		path = events.DefaultPath
	}
	link := ""
	if refused, ok := errors.AsType[*events.LinkError](events.CheckPath(path)); ok {
		link = refused.Path
	}
	info, ok := e.usable("events", path, link, path == events.DefaultPath)
	if ok && info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		e.found("events", Note, "chmod 600 "+path,
			"%s has mode %04o: others can look into it, and it holds error messages", path, info.Mode().Perm())
	}
	if info != nil {
		e.readEvents(path)
	}
}

// readEvents reads the event log to its end.
func (e *exam) readEvents(path string) {
	reader, err := events.OpenFile(path)
	if err != nil {
		e.found("events", Problem, adviceFor("events", err, path), "%v", err)
		return
	}
	defer reader.Close() //nolint:errcheck // it was only read
	last, lost, why := "", 0.0, ""
	var refusals refusals
	for reader.Next() {
		last = reader.Line().Message().Text()
		if reader.Line().Type().Is(events.TypeEventsDropped) {
			n, _ := reader.Line().Detail(events.KeyCount).Float()
			lost, why = lost+n, reader.Line().Detail(events.KeyReason).Text()
		}
		if at, ok := reader.Line().Time(); ok {
			e.lastEvent = at
		}
		refusals.see(reader.Line(), e.now())
	}
	if err := reader.Err(); err != nil {
		e.found("events", Problem, "mv "+path+" "+path+".old begins a new one", "%s cannot be read: %v", path, err)
		return
	}
	tally := reader.Tally()
	switch {
	case tally.CutShort:
		e.found("events", Problem, "mv "+path+" "+path+".old begins a new one",
			"%s is compressed, and its end is missing", path)
	case tally.Records == 0 && tally.Unreadable == 0:
		e.found("events", OK, "", "%s has no events: what succeeds at its first attempt writes none", path)
	case tally.Records > 0:
		e.found("events", OK, "", "%s has %s, the last %s: %s",
			path, text.Plural(tally.Records, "event", "events"), e.ago(e.lastEvent), oneLine(last))
	}
	if lost > 0 {
		e.found("events", Note, "", "%s tells of %s that could not be written, the last because of: %s", path,
			text.Plural(int64(lost), "event", "events"), oneLine(why))
	}
	if tally.Unreadable > 0 {
		advice := fmt.Sprintf("tail -c +%d %s | head -n 1 shows the first; a process that was killed, a full disk or "+
			"another program leaves such lines, and readers skip them; mv %s %s.old begins a new file",
			tally.FirstUnreadable+1, path, path, path)
		e.found("events", Problem, advice, "%s: %s cannot be read (%d bytes)",
			path, text.Plural(tally.Unreadable, "line", "lines"), tally.UnreadableBytes)
	}
	if tally.Held > 0 {
		e.found("events", Note, "", "%s ends within a line (%d bytes): it is being written, or its writer died",
			path, tally.Held)
	}
	e.budgets(path, refusals)
}

func (e *exam) ago(at time.Time) string {
	age := e.now().Sub(at)
	switch {
	case at.IsZero():
		return "of no time"
	case age < 0:
		return "at " + at.UTC().Format(time.RFC3339) // in the future: the clock check explains it
	case age < 2*time.Minute:
		return age.Round(time.Second).String() + " ago"
	case age < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(age.Minutes()))
	case age < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(age.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(age.Hours()/24))
}

// traceFile checks that the trace file, if one is configured, can be written.
func (e *exam) traceFile() {
	path := e.Config.TraceFile
	if path == "" {
		return
	}
	if _, ok := e.usable("trace file", path, "", path == telemetry.DefaultTraceFile); ok {
		e.found("trace file", OK, "", "%s can be written", path)
	}
}

// usable reports whether lines can be added to the file at path, and returns its FileInfo if it is a regular file. link
// is a symbolic link in path that is not followed, or empty. A file that nobody named has to be this user's own.
func (e *exam) usable(check, path, link string, origin safefile.Origin) (info fs.FileInfo, ok bool) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		link = cmp.Or(link, path)
	}
	switch {
	case link != "":
		e.found(check, Problem, "name the file that it leads to instead",
			"%s is a symbolic link, which is not followed", link)
	case errors.Is(err, fs.ErrNotExist):
		e.missing(check, path)
	case errors.Is(err, fs.ErrPermission):
		dir := closed(path)
		e.found(check, Problem, adviceForDir(check, err, dir), "%s cannot be looked at in %s: %v",
			path, dir, cause(err))
	case err != nil:
		e.found(check, Problem, adviceFor(check, err, path), "%v", err)
	case info.IsDir():
		e.found(check, Problem, "name a file in it", "%s is a directory", path)
	case !info.Mode().IsRegular(): // to open a pipe would block until something reads it
		e.found(check, Problem, "name a file of its own", "%s is not a regular file", path)
	case origin == safefile.Default && safefile.Foreign(info) != nil:
		e.found(check, Problem, elsewhere(check)+" may name it, or another file", "%s %v", path, safefile.Foreign(info))
	default:
		return info, e.writable(check, path)
	}
	return nil, false
}

// writable reports whether lines can be added to the file. It opens the file for appending and writes nothing.
func (e *exam) writable(check, path string) bool {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		e.found(check, Problem, adviceFor(check, err, path), "%s cannot be written: %v", path, cause(err))
		return false
	}
	_ = file.Close() // nothing was written
	return true
}

// missing checks that a file that is not there can be made.
func (e *exam) missing(check, path string) {
	dir := filepath.Dir(path)
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			e.found(check, Problem, "name another place", "%s cannot be made: %s is a file", path, dir)
			return
		case err == nil:
			if err := mayMakeIn(dir); err != nil {
				e.found(check, Problem, adviceForDir(check, err, dir), "%s cannot be made in %s: %v",
					path, dir, cause(err))
				return
			}
			e.found(check, OK, "", "%s is not there yet, and can be made", path)
			return
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			e.found(check, Problem, adviceFor(check, err, dir), "%s cannot be made: %v", path, err)
			return
		}
		dir = filepath.Dir(dir)
	}
}

// cause returns err without the path, because the finding names it.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// closed is the directory on the way to path that this process may not look into.
func closed(path string) string {
	dir := filepath.Dir(path)
	for dir != filepath.Dir(dir) {
		if _, err := os.Lstat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

func adviceFor(check string, err error, path string) string {
	elsewhere := elsewhere(check)
	if errors.Is(err, fs.ErrPermission) {
		return "ls -l " + path + " shows whose it is; chmod u+rw, or chown, or " + elsewhere
	}
	return "name another place: " + elsewhere
}

// adviceForDir is adviceFor when err is about a directory.
func adviceForDir(check string, err error, dir string) string {
	if errors.Is(err, fs.ErrPermission) {
		return "ls -ld " + dir + " shows whose it is; chmod u+wx " + dir + " if it is yours, or another place: " +
			elsewhere(check)
	}
	return adviceFor(check, err, dir)
}

func elsewhere(check string) string {
	if check == "trace file" {
		return "--trace-file or BACKSPAN_TRACE_FILE"
	}
	return "--events or BACKSPAN_EVENTS"
}
