// Package look is the verbs that look back at a recorded session: show draws it in the terminal, report makes a
// page of it.
package look

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

// source is what the commands that look back at a session have in common: how it is found.
type source struct {
	session string
	list    bool
}

// sourceHelp is for the Long of the commands that have a source.
const sourceHelp = `It reads a trace file (OTLP JSON lines) or an events file, plain or compressed by gzip, bzip2 or
zstd. A session is named by its id or the beginning of it, and looked for in the trace file and then in the events file
that the other commands write: ` + settings.DefaultTraceFile + ` and ` + events.DefaultPath + `, unless
$BACKSPAN_TRACE_FILE, $BACKSPAN_EVENTS or the configuration file say otherwise; and in the rotated files beside the
events file. Without an argument it is the newest one there. A file that is named is read alone.`

func (s *source) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.session, "session", "",
		"the session's `id`, or the beginning of it (default the newest in the file)")
	f.BoolVar(&s.list, "list", false, "list the sessions instead")
	cli.CompleteWith(c, "session", completeSessions)
}

// defaultLogs are the files where a session is looked for when no file is named.
func defaultLogs() []string {
	logs := []string{settings.TraceFile(), settings.EventsFile()}
	return slices.DeleteFunc(logs, func(path string) bool { return path == telemetry.Off })
}

// open finds the session that the arguments and the flags name. An error means that they cannot be used.
func (s *source) open(args []string) (*session.Session, error) {
	found, err := s.find(args)
	if err != nil {
		return nil, cli.UsageError(err)
	}
	return found, nil
}

func (s *source) find(args []string) (*session.Session, error) {
	arg := strings.Join(args, "")
	if len(args) > 0 && arg == "" {
		return nil, errors.New("the argument is empty; name a session, a trace file or an events file")
	}
	if arg != "" && (exists(arg) || looksLikeFile(arg)) {
		log, err := session.Open(arg)
		if err != nil {
			return nil, err
		}
		return log.Session(s.session)
	}
	if arg != "" && s.session != "" && s.session != arg {
		return nil, fmt.Errorf("%q and --session %q are two sessions; name one", arg, s.session)
	}
	found, err := findSession(cmp.Or(arg, s.session))
	if !errors.Is(err, session.ErrNoSession) {
		return found, err
	}
	unknown := fmt.Sprintf("%q is neither a file nor a session", arg)
	if arg == "" {
		unknown = fmt.Sprintf("--session is %q, which is no session", s.session)
	}
	return nil, fmt.Errorf("%s in %s; --list shows the sessions", unknown, strings.Join(defaultLogs(), " or "))
}

// openDefault is open for one of defaultLogs: of the events file it reads the rotated ones too. The error matches
// os.ErrNotExist when nothing is there.
func openDefault(path string, open func(string) (*session.Log, error)) (*session.Log, error) {
	if path != settings.EventsFile() {
		return open(path)
	}
	return session.OpenRotated(path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// looksLikeFile tells a file that is missing from a session that is not known.
func looksLikeFile(arg string) bool {
	return strings.ContainsAny(arg, `/\`) ||
		slices.Contains([]string{".json", ".jsonl", ".gz", ".log"}, filepath.Ext(arg))
}

// findSession looks for a session in the default files, for the newest one when id is empty. The error matches
// session.ErrNoSession when the files have none of that id.
func findSession(id string) (*session.Session, error) {
	logs := defaultLogs()
	missing := 0
	for _, path := range logs {
		log, err := openDefault(path, session.Open)
		if errors.Is(err, os.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := log.Session(id)
		if !errors.Is(err, session.ErrNoSession) {
			return found, err
		}
	}
	where := strings.Join(logs, " or ")
	switch {
	case len(logs) == 0:
		return nil, errors.New("there is nothing to look in: trace file and events file are off; name a file")
	case missing == len(logs):
		return nil, fmt.Errorf("there is no %s here; name a trace file or an events file, or make one: backspan demo",
			where)
	case id == "":
		return nil, fmt.Errorf("there is no session in %s", where)
	}
	return nil, session.ErrNoSession
}

// printList lists the sessions of the named file, else of the default ones.
func (s *source) printList(std cli.Streams, args []string) error {
	logs, open := chosen(args)
	listed := 0
	for _, path := range logs {
		log, err := open(path)
		if len(args) == 0 && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return cli.UsageError(err)
		}
		if listed++; listed > 1 {
			cli.Printf(std.Out, "\n")
		}
		if err := log.WriteList(std.Out); err != nil {
			return err
		}
		for _, note := range log.Notes() {
			cli.Printf(std.Err, "backspan: %s: %s\n", log.Path, note)
		}
	}
	if listed == 0 {
		_, err := findSession("") // says what is missing
		return cli.UsageError(err)
	}
	return nil
}

// chosen are the named files, else the default ones, and what opens them for a list.
func chosen(args []string) ([]string, func(string) (*session.Log, error)) {
	if len(args) > 0 {
		return args, session.List
	}
	return defaultLogs(), func(path string) (*session.Log, error) { return openDefault(path, session.List) }
}

// completeSource offers the sessions of the default files, and files.
func completeSource(_ *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return sessionsIn(nil, begin), cobra.ShellCompDirectiveDefault
}

// completeSessions offers the sessions of the file that is typed already, else of the default files.
func completeSessions(args []string, begin string) ([]string, cobra.ShellCompDirective) {
	return sessionsIn(args, begin), cobra.ShellCompDirectiveNoFileComp
}

// sessionsIn are the newest sessions of the named file, else of the default ones, whose ids begin so, each with what
// ran.
func sessionsIn(args []string, begin string) (offers []string) {
	logs, open := chosen(args)
	for _, path := range logs {
		log, err := open(path)
		if err != nil {
			continue // what is not there offers nothing
		}
		for _, e := range log.Sessions[:min(len(log.Sessions), 20)] {
			known := slices.ContainsFunc(offers, func(o string) bool { return strings.HasPrefix(o, e.ID) })
			if strings.HasPrefix(e.ID, begin) && !known {
				offers = append(offers, cobra.CompletionWithDesc(e.ID, e.Title()))
			}
		}
	}
	return offers
}
