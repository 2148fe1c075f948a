package pipefile

import (
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/orchestrator"
)

// A File is a pipeline file that has been checked.
type File struct {
	Name     string        // of the pipeline
	Dir      string        // what relative directories start from; empty: this process's
	Grace    time.Duration // between TERM and KILL for commands that are to end
	Vars     []Var
	Env      []Setting
	Retry    Policy // for steps, where neither step nor phase say otherwise
	Recovery Policy // for phases that do not say otherwise
	Phases   []Phase
}

// A Var is a setting that the command line and the environment may change.
type Var struct {
	Name    string
	Default *string // nil: it must be given
	node    *yaml.Node
}

// A Setting is a variable of the environment.
type Setting struct {
	Name, Value string
	node        *yaml.Node
}

// A Phase is a list of steps that fails, is recovered, and is given up as a whole.
type Phase struct {
	Name     string
	Needs    []Name
	If       orchestrator.Condition
	Timeout  time.Duration // 0: none
	Dir      string
	Env      []Setting
	Retry    Policy
	Recovery Policy
	Fallback *Command // called once when the phase would otherwise fail
	DryRun   *Command // called in place of the steps in a dry run
	Steps    []Step

	node, nameNode, ifNode *yaml.Node
}

// A Name is a name that must be that of something else.
type Name struct {
	Text string
	node *yaml.Node
}

// A Step is a command that is retried by itself.
type Step struct {
	Name   string
	Run    Command
	Retry  Policy
	Dir    string
	Env    []Setting
	Output Output

	node, nameNode *yaml.Node
}

// A Command is what is run: the words of a command, or one text for sh -c.
type Command struct {
	Args  []string
	Shell string // not empty: Args is sh -c with it
}

// An Output says what a step's stdout is.
type Output string

// The outputs.
const (
	NoOutput   Output = ""     // for people
	JSONOutput Output = "json" // a JSON value for later steps
	TextOutput Output = "text" // text for later steps, without the newlines at its end, as $(…) has it
)

// DefaultGrace is how long commands that are to end may take when the file does not say.
const DefaultGrace = 5 * time.Second
