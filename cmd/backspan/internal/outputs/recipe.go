package outputs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

// A Recipe says how a step is run. Its parts are hashes, because commands and variables may hold secrets.
type Recipe struct {
	Step  string            `json:"step"`
	Parts map[string]string `json:"parts"` // by what a person calls them
}

// parts are the names of a recipe's parts, in the order in which they are told.
var parts = [...]string{"command", "shell", "dir", "env", "before_retry"}

// Recipes are the recipes of all steps of f, by their phases.
func Recipes(f *pipefile.File) map[string][]Recipe {
	all := make(map[string][]Recipe, len(f.Phases))
	for _, phase := range f.Phases {
		for _, step := range phase.Steps {
			shell, text := step.Run.Parts()
			all[phase.Name] = append(all[phase.Name], Recipe{step.Name, map[string]string{
				"command":      hashOf(text),
				"shell":        hashOf(shell),
				"dir":          hashOf([]string{phase.Dir, step.Dir}),
				"env":          hashOf([][]pipefile.Variable[string]{f.Env, phase.Env, step.Env}),
				"before_retry": hashOf(step.Retry.BeforeRetry),
			}})
		}
	}
	return all
}

func hashOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts and lists of texts
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Changed says what r did otherwise than now on the way to an output: in its step, the steps before that in its phase,
// or those of the phases upstream. It is empty when r did the same.
func (r *Run) Changed(now map[string][]Recipe, upstream []string, phase, step string) string {
	for _, name := range append(slices.Clone(upstream), phase) {
		was, is := r.Recipes[name], now[name]
		if was == nil {
			return fmt.Sprintf("does not know how phase %q was run", name)
		}
		if name == phase {
			was, is = until(was, step), until(is, step)
		}
		if !slices.EqualFunc(was, is, func(a, b Recipe) bool { return a.Step == b.Step }) {
			return fmt.Sprintf("had other steps in phase %q", name)
		}
		for i, recipe := range is {
			var changed []string
			for _, part := range parts {
				if was[i].Parts[part] != recipe.Parts[part] {
					changed = append(changed, part)
				}
			}
			if changed != nil {
				return fmt.Sprintf("ran step %q of phase %q with another %s",
					recipe.Step, name, strings.Join(changed, " and "))
			}
		}
	}
	return ""
}

// until are the recipes up to that of a step.
func until(list []Recipe, step string) []Recipe {
	return list[:slices.IndexFunc(list, func(r Recipe) bool { return r.Step == step })+1]
}
