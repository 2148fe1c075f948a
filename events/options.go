package events

import (
	"fmt"
	"runtime"
	"time"
)

// DefaultPath is where the event log is when nobody says otherwise, relative to the working directory.
const DefaultPath = "data/session/events.jsonl"

// Options says how a Writer behaves. The zero value is right for most programs: a line is written before Write
// returns unless another one is being written, and reaches the disk when the operating system sees fit, at the latest
// on Close.
type Options struct {
	// Redact changes the texts that come from outside (Message, Phase and the text details, but not "result") before
	// they are cut to size. It is called from many goroutines at once and sees the whole text. A text on which it
	// panics is replaced, never written as it was. Nil: redact.Secrets, which masks passwords and tokens.
	// redact.Nothing turns redaction off.
	Redact func(string) string

	// Service names the program in every record. Empty: records name none. The host's name and the process's id are in
	// every record anyway. Of a name, 128 bytes are written.
	Service string

	// Lazy leaves file and directories unmade until the first record is written. Open still refuses a path that can
	// never be an event log.
	Lazy bool

	// Sync has every write forced to the disk (fsync) before the next one, so that it survives a power cut; hundreds
	// of times slower. Without it lines survive the death of the process, not that of the machine. A record that the
	// disk would not make last counts as dropped.
	Sync bool

	// OnError is called when lines begin to be lost, or when Open finds that they will be, with the reason. While lines
	// are lost, and however often writing works in between, it is called once a minute at most, by the next call of the
	// Writer's methods, with a *LostError: how many were lost since the last one. Close calls it with the rest, unless
	// the error of Close says as much. It runs on a goroutine that calls Open, Write, Flush or Close, or on the
	// Writer's own, which holds no lock then. Nil: nobody is told; Dropped and the record of type TypeEventsDropped
	// still say it.
	OnError func(error)

	// CheckInterval is how often at most, while lines are written, the path is looked at: has the file been rotated
	// away, did another process leave a torn line, can a file that could not be opened be opened now. 0 means 100ms.
	CheckInterval time.Duration

	// DrainTimeout is how long Flush and Close wait for a slow disk. 0 means 5s.
	DrainTimeout time.Duration

	// ReopenOnSIGHUP has SIGHUP open the path anew, as logrotate's postrotate scripts expect. The process then no
	// longer dies of a SIGHUP until Close. It is not needed for rotation by rename, which is noticed anyway. Unix
	// only.
	ReopenOnSIGHUP bool
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.CheckInterval < 0:
		return o, fmt.Errorf("events: Options.CheckInterval is %v, want 0 or more", o.CheckInterval)
	case o.DrainTimeout < 0:
		return o, fmt.Errorf("events: Options.DrainTimeout is %v, want 0 or more", o.DrainTimeout)
	case o.ReopenOnSIGHUP && !hangups:
		return o, fmt.Errorf("events: Options.ReopenOnSIGHUP is true, want false on %s, which has no SIGHUP",
			runtime.GOOS)
	}
	if o.CheckInterval == 0 {
		o.CheckInterval = 100 * time.Millisecond
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 5 * time.Second
	}
	return o, nil
}
