package pipefile

import (
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
)

// hint adds what is allowed and hardly meant.
func (r *reader) hint(f *File) {
	r.hintAtVariables(f.Retry.BeforeRetry, "retry.before_retry")
	for i, phase := range f.Phases {
		key := fmt.Sprintf("phases[%d]", i)
		for k, step := range phase.Steps {
			r.hintAtVariables(&step.Run, fmt.Sprintf("%s.steps[%d].run", key, k))
			r.hintAtVariables(step.Retry.BeforeRetry, fmt.Sprintf("%s.steps[%d].retry.before_retry", key, k))
		}
		r.hintAtVariables(phase.Retry.BeforeRetry, key+".retry.before_retry")
		r.hintAtVariables(phase.Fallback, key+".fallback")
		r.hintAtVariables(phase.DryRun, key+".dry_run")
	}
}

// hintAtVariables finds variables in the words of a list, which no shell expands.
func (r *reader) hintAtVariables(c *Command, key string) {
	if c == nil || c.Shell != "" || slices.ContainsFunc(c.Args, readsDollars) {
		return
	}
	for i, word := range c.Args {
		if name := variableIn(word); name != "" {
			at := fmt.Sprintf("%s[%d]", key, i)
			r.hints = append(r.hints, problemOf(r.nodes[at], at,
				"is %q, and no shell puts the value of %s into a word of a list; write the whole command as one text, "+
					"without [ and ], and a shell runs it", word, name))
		}
	}
}

// readsDollars reports whether word is a program that gives $ a meaning of its own: a shell or an interpreter, here or
// on another machine, or one of the languages in which a $ begins a variable.
func readsDollars(word string) bool {
	name := command.Name([]string{word})
	return command.IsInterpreter(name) || slices.Contains([]string{
		"awk", "envsubst", "eval", "gawk", "jq", "make", "mawk", "sed", "ssh", "yq",
	}, name)
}

// variable is a variable as a shell would see it: $url, ${url}, ${url:-none}.
var variable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*([^A-Za-z0-9_}][^}]*)?\})`)
})

// variableIn is the first variable in word; empty when there is none.
func variableIn(word string) string { return variable().FindString(word) }
