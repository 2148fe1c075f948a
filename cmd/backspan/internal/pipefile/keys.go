package pipefile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// The keys of a pipeline file. This is the one place where they are spelled: the parser reads with these tables, and
// the JSON Schema is made from them.

const maxRetries = 999_999

var retriesKind = scalar(
	anyOf(wholeNumber(0, maxRetries), textLike(`^([0-9]{1,6}|unlimited)$`)),
	"a number of retries, or unlimited", []string{"!!int", "!!str"}, func(text string) (int, error) {
		if text == "unlimited" {
			return retry.Unlimited, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxRetries {
			return 0, fmt.Errorf("is %s, want 0 to %d, or unlimited", text, maxRetries)
		}
		return n, nil
	})

var multiplierKind = scalar(
	schema{"type": "number", "minimum": 1}, "a number of at least 1", []string{"!!int", "!!float"},
	func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !(f >= 1 && f <= math.MaxFloat64) { // NaN fails every comparison
			return 0, fmt.Errorf("is %s, want a number of at least 1", text)
		}
		return f, nil
	})

var jitterKind = oneOf([]string{"none", "full", "equal", "decorrelated"},
	[]retry.Jitter{retry.NoJitter, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter})

// recoveryKeys are the keys of every policy. retryKeys are those of a policy for commands.
var recoveryKeys = []key[command.Policy]{
	keyOf("max_retries", retriesKind, func(p *command.Policy, n int) { p.MaxRetries = &n },
		"how many attempts may follow the first one; 0 for none (default 3)"),
	keyOf("base_delay", durationKind, func(p *command.Policy, d time.Duration) { p.BaseDelay = &d },
		"the wait before the first retry (default 1s for steps, 2s for the recovery of phases)"),
	keyOf("max_delay", durationKind, func(p *command.Policy, d time.Duration) { p.MaxDelay = &d },
		"the longest wait (default 30s)"),
	keyOf("multiplier", multiplierKind, func(p *command.Policy, f float64) { p.Multiplier = &f },
		"the growth of the wait from one retry to the next (default 2)"),
	keyOf("jitter", jitterKind, func(p *command.Policy, j retry.Jitter) { p.Jitter = &j },
		"how waits are spread at random: none, full (0 to the delay), equal (half of it to all) or decorrelated "+
			"(default none)"),
	keyOf("attempt_timeout", durationKind, func(p *command.Policy, d time.Duration) { p.AttemptTimeout = &d },
		"how long one attempt may take; then it fails, and is retried (default no limit)"),
	keyOf("max_elapsed", durationKind, func(p *command.Policy, d time.Duration) { p.MaxElapsed = &d },
		"no wait begins that would end later than this after the start (default no limit)"),
}

// commandKind is a list of words, or a text for a shell.
var commandKind = func() kind[Command] {
	words := listOf(asWritten, 1, "a list of words, or a text for a shell")
	return kind[Command]{
		anyOf(scriptKind.schema, words.schema),
		func(r *reader, n *yaml.Node, at string) (Command, bool) {
			if target(n).Kind != yaml.SequenceNode {
				text, ok := scriptKind.read(r, n, at)
				c := Command{Shell: text}
				c.in(DefaultShell)
				return c, ok
			}
			list, ok := words.read(r, n, at)
			return Command{Args: list}, ok
		},
	}
}()

var retryKeys = append(partKeys(recoveryKeys, func(r *Retry) *command.Policy { return &r.Policy }),
	keyOf("retry_on", endsKind, func(r *Retry, e *command.Ends) { r.RetryOn = e },
		"the only failures that are retried: exit codes, ranges such as 75-78, timeout, signal (default all)"),
	keyOf("stop_on", endsKind, func(r *Retry, e *command.Ends) { r.StopOn = e },
		"failures that are not retried: exit codes, ranges such as 75-78, timeout, signal; they win over retry_on"),
	keyOf("retry_on_output", patternsKind, func(r *Retry, o *command.Patterns) { r.RetryOnOutput = o },
		"regular expressions for the last lines (64 KiB) of stderr and stdout: only failures that match one "+
			"are retried, and those of retry_on (default all)"),
	keyOf("stop_on_output", patternsKind, func(r *Retry, o *command.Patterns) { r.StopOnOutput = o },
		"regular expressions for the last lines (64 KiB) of stderr and stdout: failures that match one are "+
			"not retried; they win over retry_on and retry_on_output"),
	keyOf("before_retry", commandKind, func(r *Retry, c Command) { r.BeforeRetry = &c },
		"a command that runs before each retry, after the wait; it takes its time of the attempt's, and its "+
			"failure is said and changes nothing"),
)

var (
	recoveryKind = object("a retry policy: max_retries, base_delay, …", recoveryKeys)
	retryKind    = object("a retry policy: max_retries, base_delay, …", retryKeys)
)

const aboutShell = "the words of the shell that runs commands which are texts, each text as the last word after them " +
	"(default [sh, -e, -c], which ends at the first command that fails), such as [bash, -euo, pipefail, -c]"

var shellKind = func() kind[[]string] {
	const want = "a list of words such as [bash, -euo, pipefail, -c]"
	program := pattern(`^[^\x00]+$`, "the name of a shell")
	list := listOf(asWritten, 1, want)
	list.schema["prefixItems"] = []any{program.schema}
	return kind[[]string]{list.schema, func(r *reader, n *yaml.Node, at string) ([]string, bool) {
		words, ok := list.read(r, n, at)
		if ok {
			_, ok = program.read(r, target(n).Content[0], at+"[0]")
		}
		return words, ok
	}}
}()

// A Variable is a variable of the environment.
type Variable[V any] struct {
	Name  string
	Value V
}

// variables is a mapping from the names of variables to values of kind k. The order of the file stays.
func variables[V any](k kind[V], want string) kind[[]Variable[V]] {
	s := schema{
		"type": "object", "additionalProperties": k.schema,
		"propertyNames": schema{"pattern": envNameExpr, "not": schema{"pattern": ownNameExpr}},
	}
	return kind[[]Variable[V]]{s, func(r *reader, n *yaml.Node, at string) (all []Variable[V], ok bool) {
		list, ok := r.entries(n, at, want)
		for _, e := range list {
			name := e.key.Value
			switch {
			case !isEnvName(name):
				r.complain(e.key, at, "%q is no name for a variable of the environment, want letters, digits and _",
					name)
				ok = false
				continue
			case IsOwnName(name):
				r.complain(e.key, join(at, name), "is what backspan itself tells commands; want another name")
				ok = false
				continue
			}
			r.nodes[join(at, name)] = e.key
			v, good := k.read(r, e.value, join(at, name))
			all = append(all, Variable[V]{name, v})
			ok = ok && good
		}
		return all, ok
	}}
}

var envKind = variables(asWritten, "names and values of variables")

// varKind is the default of a var, or empty when there is none.
var varKind = kind[*string]{
	anyOf(asWritten.schema, schema{"type": "null"}),
	func(r *reader, n *yaml.Node, at string) (*string, bool) {
		if n := target(n); n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
			return nil, true
		}
		text, ok := asWritten.read(r, n, at)
		return &text, ok
	},
}

var varsKind = variables(varKind, "names and defaults of vars")

var ifKind = oneOf([]string{"success", "failure", "always"},
	[]orchestrator.Condition{orchestrator.OnSuccess, orchestrator.OnFailure, orchestrator.Always})

var boolKind = scalar(schema{"type": "boolean"}, "true or false", []string{"!!bool"}, func(text string) (bool, error) {
	yes, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, fmt.Errorf("is %s, want true or false", text)
	}
	return yes, nil
})

const aboutSuccessCodes = "the exit codes that are a success, such as [0, 24] for rsync, in place of 0"

var (
	successCodesKind = codesKind(0, "[0, 24]")
	skipCodesKind    = codesKind(1, "[75]")
)

var outputKind = oneOf([]string{"json", "text", "text_or_empty"},
	[]Output{JSONOutput, TextOutput, TextOrEmptyOutput})

var stepKeys = []key[Step]{
	must(keyOf("name", nameKind, func(s *Step, name string) { s.Name = name },
		"the name of the step and of its span, such as fetch")),
	must(keyOf("run", commandKind, func(s *Step, c Command) { s.Run = c },
		"the command: a list of words, or a text for a shell")),
	keyOf("retry", retryKind, func(s *Step, v Retry) { s.Retry = v }, "how the step is retried"),
	keyOf("output", outputKind, func(s *Step, o Output) { s.Output = o },
		"stdout is a value for later steps, which find it in BACKSPAN_OUTPUT_<PHASE>_<STEP>: json, text "+
			"(without a text the step fails) or text_or_empty; at most 64 KiB"),
	keyOf("env", envKind, func(s *Step, v []Variable[string]) { s.Env = v }, "variables of the step's environment"),
	keyOf("dir", dirKind, func(s *Step, dir string) { s.Dir = dir }, "the step's directory, from that of the phase"),
	keyOf("allow_failure", boolKind, func(s *Step, yes bool) { s.AllowFailure = yes },
		"whether the phase goes on when the step has failed"),
	keyOf("success_codes", successCodesKind, func(s *Step, e *command.Ends) { s.SuccessCodes = e }, aboutSuccessCodes),
	keyOf("skip_codes", skipCodesKind, func(s *Step, e *command.Ends) { s.SkipCodes = e },
		"the exit codes by which the step says that there is nothing to do: it is skipped, and the phase goes on"),
	keyOf("shell", shellKind, func(s *Step, words []string) { s.Shell = words }, aboutShell),
}

var phaseKeys = []key[Phase]{
	must(keyOf("name", nameKind, func(p *Phase, name string) { p.Name = name },
		"the name of the phase and of its span, such as data_preparation")),
	must(keyOf("steps", listOf(object("a step: name, run, …", stepKeys), 1, "a list of steps"),
		func(p *Phase, list []Step) { p.Steps = list }, "the steps of the phase, which run one after the other")),
	keyOf("needs", listOf(nameKind, 0, "a list of phases"), func(p *Phase, list []string) { p.Needs = list },
		"the phases that must end before this one begins, [] for none; "+
			"when no phase of the file has needs, they run in the order they are written"),
	keyOf("if", ifKind, func(p *Phase, c orchestrator.Condition) { p.If = c },
		"when the phase runs: success of what it needs (the default), "+
			"failure of something it needs (without needs: of anything before it), "+
			"or always, also when a signal has ended the run"),
	keyOf("if_began", nameKind, func(p *Phase, name string) { p.IfBegan = name },
		"a phase before it: without its beginning this one is skipped; beside if: always for cleaning up after it"),
	keyOf("allow_failure", boolKind, func(p *Phase, yes bool) { p.AllowFailure = yes },
		"whether the run goes on as if the phase had succeeded when it has failed"),
	keyOf("success_codes", successCodesKind, func(p *Phase, e *command.Ends) { p.SuccessCodes = e },
		aboutSuccessCodes+"; for its steps that do not say it themselves"),
	keyOf("skip_codes", skipCodesKind, func(p *Phase, e *command.Ends) { p.SkipCodes = e },
		"the exit codes by which a step says that there is nothing to do for the phase: it ends there and is skipped, "+
			"and so are phases that need it"),
	keyOf("timeout", durationKind, func(p *Phase, d time.Duration) { p.Timeout = d },
		"how long the phase may take, recovery included (default no limit)"),
	keyOf("recovery", recoveryKind, func(p *Phase, v command.Policy) { p.Recovery = v },
		"how the whole phase is tried again after a step was given up"),
	keyOf("retry", retryKind, func(p *Phase, v Retry) { p.Retry = v },
		"how its steps are retried that do not say it themselves"),
	keyOf("env", envKind, func(p *Phase, v []Variable[string]) { p.Env = v },
		"variables of the environment of its commands"),
	keyOf("dir", dirKind, func(p *Phase, dir string) { p.Dir = dir },
		"the directory of its commands, from that of the file"),
	keyOf("shell", shellKind, func(p *Phase, words []string) { p.Shell = words }, aboutShell),
	keyOf("fallback", commandKind, func(p *Phase, c Command) { p.Fallback = &c },
		"a command that runs once when the phase would fail otherwise, for at most the attempt_timeout of the phase's "+
			"retry; when it succeeds, so does the phase"),
	keyOf("dry_run", commandKind, func(p *Phase, c Command) { p.DryRun = &c },
		"a command that --dry-run runs in place of the steps"),
}

var fileKeys = []key[File]{
	must(keyOf("name", titleKind, func(f *File, s string) { f.Name = s },
		"the name of the pipeline and of the run's span")),
	must(keyOf("phases", listOf(object("a phase: name, steps, …", phaseKeys), 1, "a list of phases"),
		func(f *File, list []Phase) { f.Phases = list }, "the phases of the pipeline")),
	keyOf("vars", varsKind, func(f *File, v []Variable[*string]) { f.Vars = v },
		"variables of the environment that --var name=value or the environment may set, and their defaults; "+
			"without one, it must be set"),
	keyOf("env", envKind, func(f *File, v []Variable[string]) { f.Env = v },
		"variables of the environment of all commands"),
	keyOf("retry", retryKind, func(f *File, v Retry) { f.Retry = v },
		"how steps are retried where neither they nor their phase say it"),
	keyOf("recovery", recoveryKind, func(f *File, v command.Policy) { f.Recovery = v },
		"how phases are recovered that do not say it themselves"),
	keyOf("continue_on_error", boolKind, func(f *File, yes bool) { f.ContinueOnError = yes },
		"whether phases begin although another one has failed, unless they need it"),
	keyOf("shell", shellKind, func(f *File, words []string) { f.Shell = words }, aboutShell),
	keyOf("grace", durationKind, func(f *File, d time.Duration) { f.Grace = d },
		"how long commands may take to end after TERM, before they get KILL (default 5s)"),
}

// Other keys that begin with x- are the author's: values with anchors, for aliases further down.
var fileKind = objectWith("a pipeline: name, phases, …", fileKeys, "x-")
