package exec

import "github.com/backspan/backspan/cmd/backspan/internal/cli"

// tellCI writes the file of --junit and tells GitHub Actions what was retried. What goes wrong is said, and changes
// nothing: the exit code is the command's.
func (x *execution) tellCI() {
	t := x.tracing
	switch {
	case t.recording == nil && x.junit != "":
		t.tell("%s is not written, as telemetry could not start", x.junit)
		return
	case t.recording == nil:
		return
	}
	if err := t.recording.WriteJUnit(x.junit, nil); err != nil {
		t.tell("%v", err)
	}
	if !t.flags.GitHub() {
		return
	}
	before := "\n" // what is to be read as a command begins a line, and the command may have left one open
	err := t.recording.TellGitHub(nil, func(line string) {
		if !x.quiet {
			cli.Print(x.Err, before+line+"\n")
			before = ""
		}
	})
	if err != nil {
		t.tell("%v", err)
	}
}
