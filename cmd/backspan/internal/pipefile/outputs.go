package pipefile

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// outputPrefix begins the names of all variables with outputs.
const outputPrefix = "BACKSPAN_OUTPUT_"

// OutputVariable is the name of the variable with the output of a step. Letters become capital letters, and each
// character that is neither letter nor digit becomes _.
func OutputVariable(phase, step string) string {
	upper := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}
	return outputPrefix + strings.Map(upper, phase) + "_" + strings.Map(upper, step)
}

// A StepOutput is an output that a step declares.
type StepOutput struct {
	Phase, Step string
	As          Output
}

// StepOutputs are the outputs that the steps of f declare, by the names of their variables. Those of phases that Select
// has left out are among them.
func (f *File) StepOutputs() map[string]StepOutput {
	all := map[string]StepOutput{}
	for _, phase := range f.all().Phases {
		for _, step := range phase.Steps {
			if step.Output != NoOutput {
				all[OutputVariable(phase.Name, step.Name)] = StepOutput{phase.Name, step.Name, step.Output}
			}
		}
	}
	return all
}

// all is the file with the phases that Select has left out.
func (f *File) all() *File {
	if f.whole != nil {
		return f.whole
	}
	return f
}

// Upstream lists for each phase those whose end it waits for, also through others, in the order of the file. Phases
// that Select has left out are among them.
func (f *File) Upstream() map[string][]string {
	f = f.all()
	index := make(map[string]int, len(f.Phases))
	for i, phase := range f.Phases {
		index[phase.Name] = i
	}
	sets := make([]*big.Int, len(f.Phases)) // by phase: a bit for each phase upstream
	sequence := f.Sequence()
	var set func(i int) *big.Int
	set = func(i int) *big.Int {
		if sets[i] != nil {
			return sets[i]
		}
		sets[i] = new(big.Int)
		add := func(before int) { sets[i].Or(sets[i], set(before)).SetBit(sets[i], before, 1) }
		if sequence && i > 0 {
			add(i - 1)
		}
		for _, need := range f.Phases[i].Needs {
			add(index[need])
		}
		return sets[i]
	}
	upstream := make(map[string][]string, len(f.Phases))
	for i, phase := range f.Phases {
		for k := range set(i).BitLen() {
			if sets[i].Bit(k) == 1 {
				upstream[phase.Name] = append(upstream[phase.Name], f.Phases[k].Name)
			}
		}
	}
	return upstream
}

// NamedOutputs returns the variables with outputs that the command of a step cannot do without, in the order in which
// its texts name them: the command itself, its directory, and the variables of its environment that these name in turn.
// A shell can do without one that a text names as ${NAME-default}, with - or one of the other operators of a shell
// for variables that are not set. values are those of the file's vars.
func (f *File) NamedOutputs(phase *Phase, step *Step, values map[string]string) (names []string) {
	env := make(map[string]string, len(values)+len(f.Env)+len(phase.Env))
	for name, value := range values {
		env[name] = value
	}
	for _, v := range slices.Concat(f.Env, phase.Env) {
		env[v.Name] = v.Value
	}
	texts := append(step.Run.texts(), phase.Dir, step.Dir)
	for _, v := range step.Env {
		delete(env, v.Name)
		texts = append(texts, v.Value)
	}
	for i := 0; i < len(texts); i++ {
		for _, word := range identifier().FindAllString(texts[i], -1) {
			if value, ok := env[word]; ok {
				texts = append(texts, value)
				delete(env, word) // once is enough
			}
		}
	}
	var outputs map[string]StepOutput
	for _, text := range texts {
		if !strings.Contains(text, outputPrefix) {
			continue
		}
		if outputs == nil {
			outputs = f.StepOutputs()
		}
		for _, m := range mentions(text, outputs) {
			if !m.handled && !slices.Contains(names, m.name) {
				names = append(names, m.name)
			}
		}
	}
	return names
}

// texts are the texts of c that may name variables.
func (c Command) texts() []string {
	if c.Shell != "" {
		return []string{withoutComments(c.Shell)}
	}
	return slices.Clone(c.Args)
}

var identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`) })

// A mention is a place in a text that names the variable of an output.
type mention struct {
	name    string
	handled bool // the text says what is to happen when the variable is not set

	computed bool // name is only a part of a name that the command puts together
}

// goesOn is how a text may go on behind a part of a name: with a variable, a command, braces or the like.
var goesOn = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^[\"'\\\\]*([\"'] *\\+|\\$[A-Za-z0-9_{(@*]|[`{]|%[a-z])")
})

// expanded is a $ or ${ before a name that a shell gives its meaning, with the backslashes before it.
var expanded = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(\\*)\$\{?$`) })

// isComputed reports whether name is only a part of a name, given what is before and after it.
func isComputed(before, name, after string, outputs map[string]StepOutput) bool {
	if !goesOn().MatchString(after) {
		return false
	}
	dollar := expanded().FindStringSubmatch(before)
	return dollar == nil || len(dollar[1])%2 == 1 || isPrefix(name, outputs)
}

// mentions finds the variables with outputs that text names, whether or not a $ stands before them: printenv NAME reads
// one too. What is only the beginning of names, as in env | grep BACKSPAN_OUTPUT_, is none of them.
func mentions(text string, outputs map[string]StepOutput) (list []mention) {
	for _, at := range identifier().FindAllStringIndex(text, -1) {
		name, before, after := text[at[0]:at[1]], text[:at[0]], text[at[1]:]
		if !strings.HasPrefix(name, outputPrefix) {
			continue
		}
		if isComputed(before, name, after, outputs) {
			list = append(list, mention{name: name, computed: true})
			continue
		}
		braces := strings.HasSuffix(before, "${")
		if !braces && !strings.HasSuffix(before, "$") && isPrefix(name, outputs) {
			continue
		}
		operator := strings.TrimPrefix(after, ":")
		handled := braces && operator != "" && strings.ContainsRune("-=+?", rune(operator[0]))
		list = append(list, mention{name: name, handled: handled})
	}
	return list
}

// isPrefix reports whether name is no output, but the beginning of the names of some.
func isPrefix(name string, outputs map[string]StepOutput) bool {
	if _, declared := outputs[name]; declared || !strings.HasSuffix(name, "_") {
		return false
	}
	for other := range outputs {
		if strings.HasPrefix(other, name) {
			return true
		}
	}
	return name == outputPrefix
}

// withoutComments blanks out the lines of a shell's text that are comments. What may be quoted, or in a here-document,
// stays: it is better to take a comment for a command than the other way round.
func withoutComments(text string) string {
	if !strings.Contains(text, "#") || strings.Contains(text, "<<") {
		return text
	}
	out := []byte(text)
	var quote byte
	indent := true // only blanks so far in this line
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '#' && (indent || strings.IndexByte(" \t;&|(", text[i-1]) >= 0):
			for ; i < len(text) && text[i] != '\n'; i++ {
				if indent {
					out[i] = ' '
				}
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		}
		if i < len(text) {
			indent = text[i] == '\n' || indent && (text[i] == ' ' || text[i] == '\t')
		}
	}
	return string(out)
}
