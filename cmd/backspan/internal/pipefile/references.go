package pipefile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/backspan/backspan/internal/nearest"
)

// checkReferences refuses texts that name outputs which no step declares, or which can never be there when the text's
// command starts. A shell would find them empty.
func (r *reader) checkReferences(f *File) {
	if !bytes.Contains(r.text, []byte(outputPrefix)) {
		return
	}
	ordered := *f
	ordered.Phases = slices.Clone(f.Phases)
	ordered.order()
	c := references{reader: r, file: f, outputs: f.StepOutputs(), upstream: ordered.Upstream()}
	for _, v := range f.Vars {
		if v.Value != nil {
			c.check("vars."+v.Name, *v.Value, nil)
		}
	}
	c.checkEnv("env", f.Env, nil)
	c.checkCommand("retry.before_retry", f.Retry.BeforeRetry, nil)
	for i := range f.Phases {
		c.checkPhase(fmt.Sprintf("phases[%d]", i), &f.Phases[i])
	}
}

// references checks the outputs that texts name.
type references struct {
	*reader

	file     *File
	outputs  map[string]StepOutput
	upstream map[string][]string
}

// An outputReader is where a command stands: after steps of its own phase.
type outputReader struct {
	phase *Phase
	after []Step // the steps of the phase that come before it
	step  string // its step; empty for a fallback and the like

	dryRun bool // it runs in dry runs
}

func (c *references) checkPhase(at string, phase *Phase) {
	// The texts that all commands of a phase share are judged by the last of them, which has most outputs before it.
	last := &outputReader{phase: phase, after: phase.Steps}
	c.check(at+".dir", phase.Dir, last)
	c.checkEnv(at+".env", phase.Env, last)
	c.checkCommand(at+".retry.before_retry", phase.Retry.BeforeRetry, last)
	for k, step := range phase.Steps {
		here := &outputReader{phase: phase, after: phase.Steps[:k], step: step.Name}
		key := fmt.Sprintf("%s.steps[%d]", at, k)
		c.checkCommand(key+".run", &step.Run, here)
		c.checkCommand(key+".retry.before_retry", step.Retry.BeforeRetry, here)
		c.check(key+".dir", step.Dir, here)
		c.checkEnv(key+".env", step.Env, here)
	}
	c.checkCommand(at+".fallback", phase.Fallback, last)
	c.checkCommand(at+".dry_run", phase.DryRun, &outputReader{phase: phase, dryRun: true})
}

func (c *references) checkEnv(at string, env []Variable[string], by *outputReader) {
	for _, v := range env {
		c.check(join(at, v.Name), v.Value, by)
	}
}

func (c *references) checkCommand(at string, command *Command, by *outputReader) {
	if command == nil {
		return
	}
	if command.Shell != "" {
		c.check(at, withoutComments(command.Shell), by)
		return
	}
	for k, word := range command.Args {
		c.check(fmt.Sprintf("%s[%d]", at, k), word, by)
	}
}

// check looks at the text that key has. by is the command that it is for; nil for all commands of the file.
func (c *references) check(key, text string, by *outputReader) {
	told := map[string]bool{}
	for _, m := range mentions(text, c.outputs) {
		if told[m.name] {
			continue
		}
		told[m.name] = true
		if problem := c.problem(m, by); problem != "" {
			c.problems = append(c.problems, c.problemInText(key, m.name, problem))
		} else if by != nil && by.dryRun && !m.handled {
			hint := fmt.Sprintf("names %s, which a dry run does not have, unless --from or --only takes it from "+
				"another run; write ${%[1]s-default}", m.name)
			c.hints = append(c.hints, c.problemInText(key, m.name, hint))
		}
	}
}

// problem says why an output cannot be there when by starts; empty when it can.
func (c *references) problem(m mention, by *outputReader) string {
	name := m.name
	output, declared := c.outputs[name]
	switch {
	case m.computed:
		return fmt.Sprintf("puts the name of an output together from %s and more, and nobody can say whether that "+
			"output is there; want the whole name%s", name, c.example())
	case !declared:
		return c.undeclared(name)
	case by == nil || slices.Contains(c.upstream[by.phase.Name], output.Phase):
		return ""
	case output.Phase != by.phase.Name:
		return fmt.Sprintf(
			"names %s, the output of phase %q, for which phase %q does not wait; want that phase in its needs",
			name, output.Phase, by.phase.Name)
	case slices.ContainsFunc(by.after, func(s Step) bool { return s.Name == output.Step }):
		return ""
	case output.Step == by.step:
		return fmt.Sprintf("names %s, which is its own output", name)
	default:
		return fmt.Sprintf("names %s, the output of step %q, which does not come before it", name, output.Step)
	}
}

// example is an output that could have been meant.
func (c *references) example() string {
	for _, name := range slices.Sorted(maps.Keys(c.outputs)) {
		return ", such as " + name
	}
	return ""
}

func (c *references) undeclared(name string) string {
	for _, phase := range c.file.Phases {
		for _, step := range phase.Steps {
			if OutputVariable(phase.Name, step.Name) == name {
				return fmt.Sprintf(
					"names %s, but step %q of phase %q declares no output; want output: text or json there",
					name, step.Name, phase.Name)
			}
		}
	}
	if len(c.outputs) == 0 {
		return fmt.Sprintf("names %s, but no step of the file declares an output", name)
	}
	known := slices.Sorted(maps.Keys(c.outputs))
	if near := nearest.Word(name, known); near != "" {
		return fmt.Sprintf("names %s, which is no output; did you mean %s?", name, near)
	}
	if len(known) > maxShown {
		known = append(known[:maxShown], "…")
	}
	return fmt.Sprintf("names %s, which is no output, want one of %s", name, strings.Join(known, ", "))
}

// problemInText is a problem with a word in the text of a key, where that word stands.
func (r *reader) problemInText(key, word, message string) Problem {
	p := Problem{Key: key, Message: message}
	n := r.nodes[key]
	if n == nil {
		return p
	}
	n = target(n)
	p.Line, p.Column = n.Line, n.Column
	from := offset(r.text, n.Line, n.Column)
	for _, at := range identifier().FindAllIndex(r.text[from:], -1) {
		if string(r.text[from+at[0]:from+at[1]]) == word {
			p.Line, p.Column = position(r.text, from+at[0])
			break
		}
	}
	return p
}

// offset is the reverse of position.
func offset(text []byte, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		at += 1 + bytes.IndexByte(text[at:], '\n')
	}
	for ; column > 1 && at < len(text); column-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}
