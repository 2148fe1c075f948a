package pipefile

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/orchestrator"
)

// A File is a pipeline file that has been checked.
type File struct {
	Name     string              // of the pipeline
	Dir      string              // where relative directories start; empty: this process's directory
	Grace    time.Duration       // between TERM and KILL for commands that are to end
	Vars     []Variable[*string] // with their defaults; nil: the variable must be given
	Env      []Variable[string]
	Retry    Retry          // for steps, where neither step nor phase say otherwise
	Recovery command.Policy // for phases that do not say otherwise
	Shell    []string       // what runs the texts of commands; empty: not said

	ContinueOnError bool // phases begin although another one failed, unless they need it

	Phases []Phase
	Hints  []Problem // what can be used, and is hardly meant

	whole *File // the file that Select has made this one of; nil: this one is whole
}

// A Phase is a list of steps that fails, is recovered, and is given up as a whole.
type Phase struct {
	Name     string
	Needs    []string // nil: not said; empty: none
	If       orchestrator.Condition
	Timeout  time.Duration // 0: none
	Dir      string
	Env      []Variable[string]
	Retry    Retry
	Recovery command.Policy
	Shell    []string // empty: the file's
	IfBegan  string   // the phase without whose beginning this one is skipped; empty: none
	Ends
	Fallback *Command // run once when the phase would otherwise fail
	DryRun   *Command // run in place of the steps in a dry run
	Steps    []Step
}

// A Step is a command that is retried by itself.
type Step struct {
	Name   string
	Run    Command
	Retry  Retry
	Dir    string
	Env    []Variable[string]
	Shell  []string // empty: the phase's
	Output Output
	Ends
}

// A Retry says how a step is retried.
type Retry struct {
	command.Policy
	BeforeRetry *Command // runs in each attempt but the first, before the step's command; nil: not said
}

// BeforeRetry is what runs before each retry of s, as a step; nil when nothing does.
func (s *Step) BeforeRetry() *Step {
	if s.Retry.BeforeRetry == nil {
		return nil
	}
	return &Step{Name: s.Name, Run: *s.Retry.BeforeRetry, Dir: s.Dir, Env: s.Env}
}

// Or returns r with what it does not say taken from outer.
func (r Retry) Or(outer Retry) Retry {
	return Retry{r.Policy.Or(outer.Policy), cmp.Or(r.BeforeRetry, outer.BeforeRetry)}
}

// Ends says what ends of commands count as. A phase's SuccessCodes are those of its steps that have none; the other
// fields are about the phase as a whole.
type Ends struct {
	AllowFailure bool          // a failure fails nothing else
	SuccessCodes *command.Ends // the exit codes of success; nil: 0
	SkipCodes    *command.Ends // the exit codes of a step that has, or a phase whose step has, nothing to do; nil: none
}

// An Output says what a step's stdout is.
type Output string

// The outputs.
const (
	NoOutput   Output = ""     // for people
	JSONOutput Output = "json" // a JSON value for later steps
	TextOutput Output = "text" // text for later steps, without the newlines at its end, as $(…) has it; never blank

	TextOrEmptyOutput Output = "text_or_empty" // the same, and may be blank
)

// DefaultGrace is how long commands that are to end may take when the file does not say.
const DefaultGrace = 5 * time.Second

// Sequence reports whether the phases run one after the other, because none has needs.
func (f *File) Sequence() bool {
	return !slices.ContainsFunc(f.Phases, func(p Phase) bool { return p.Needs != nil })
}

// DefaultShell runs the texts of commands when the file does not say what does. With -e a text ends at the first of its
// commands that fails: without, a script that failed in the middle would succeed.
var DefaultShell = []string{"sh", "-e", "-c"}

// A Command is what is run: the words of a command, or one text for a shell.
type Command struct {
	Args  []string
	Shell string // not empty: the text, which is the last of Args; the words of the shell are before it
}

// in sets the shell that runs c if it is a text.
func (c *Command) in(shell []string) {
	if c != nil && c.Shell != "" {
		c.Args = append(slices.Clone(shell), c.Shell)
	}
}

// Parts are the words of the shell, if c is a text, and the text or the words of the command.
func (c Command) Parts() (shell, command []string) {
	if c.Shell == "" {
		return nil, c.Args
	}
	return c.Args[:len(c.Args)-1], []string{c.Shell}
}

// MarshalJSON writes the words.
func (c Command) MarshalJSON() ([]byte, error) { return json.Marshal(c.Args) }

// String is the command on one line, as a shell would take it.
func (c Command) String() string { return command.Line(c.Args) }
