package pipefile

import (
	"errors"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
)

// MaxBudget is the largest capacity of a budget, in tokens.
const MaxBudget = 1_000_000_000

// A budgeted is a policy in words, which may have a budget. A file has none: a run makes too few calls to pay for one.
type budgeted struct {
	command.Policy
	Budget int
}

var policyWords = append(partKeys(recoveryKeys, func(b *budgeted) *command.Policy { return &b.Policy }),
	keyOf("budget", scalar(wholeNumber(1, MaxBudget), "a number of tokens", []string{"!!int"},
		func(text string) (int, error) {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > MaxBudget {
				return 0, errors.New("is " + text + ", want 1 to 1000000000 tokens")
			}
			return n, nil
		}), func(b *budgeted, n int) { b.Budget = n },
		"the capacity of the budget that the operations of one process share (default none)"))

// PolicyKeys are the keys of a policy in words.
func PolicyKeys() (names []string) {
	for _, k := range policyWords {
		names = append(names, k.name)
	}
	return names
}

// ParsePolicy reads a policy in words, such as "max_retries=2 jitter=full": the keys of a pipeline file with their
// values, and budget, which is 0 when it is not said. The error has a line for each problem: its key, its value, and
// what would be right.
func ParsePolicy(text string) (p command.Policy, budget int, err error) {
	r := newReader()
	var list []entry
	seen := map[string]bool{}
	between := func(c rune) bool { return c == ',' || unicode.IsSpace(c) }
	for _, word := range strings.FieldsFunc(text, between) {
		name, value, found := strings.Cut(word, "=")
		switch {
		case !found || name == "" || value == "":
			r.complain(nil, "", "%q is no key with its value, want for example max_retries=2", word)
		case seen[name]:
			r.complain(nil, name, "is there twice")
		default:
			seen[name] = true
			key := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
			r.nodes["."+name] = valueNode(value)
			list = append(list, entry{key, r.nodes["."+name]})
		}
	}
	var b budgeted
	readKeys(r, nil, "", policyWords, list, &b)
	if len(r.problems) == 0 {
		r.checkDelays(b.Policy, "")
	}
	var lines []error
	for _, problem := range r.problems {
		problem.Key = strings.TrimPrefix(problem.Key, ".")
		line := Problem{Key: problem.Key, Message: problem.Message}.String()
		lines = append(lines, errors.New(strings.TrimPrefix(line, ": ")))
	}
	return b.Policy, b.Budget, errors.Join(lines...)
}

// valueNode is a value as it would stand in a file.
func valueNode(text string) *yaml.Node {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil || len(document.Content) != 1 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	}
	return document.Content[0]
}
