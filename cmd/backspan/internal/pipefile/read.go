package pipefile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/cmd/backspan/internal/yamlfile"
	"github.com/backspan/backspan/internal/nearest"
)

// The limits of a file. A file that was written by hand stays far below them.
const (
	MaxBytes  = 1 << 20
	maxValues = 100_000 // with all aliases written out
	maxPhases = 1000
)

// A reader collects the problems of a file while it is read, so that all of them are told at once.
type reader struct {
	text     []byte // of the file
	problems []Problem
	hints    []Problem             // what can be used, and is hardly meant
	nodes    map[string]*yaml.Node // by key, such as phases[0].name; of a variable, the node of its name
}

func newReader() *reader { return &reader{nodes: map[string]*yaml.Node{}} }

// complainAt adds a problem with the value of a key.
func (r *reader) complainAt(key, format string, args ...any) {
	r.complain(r.nodes[key], key, format, args...)
}

// complain adds a problem with key that stands at n.
func (r *reader) complain(n *yaml.Node, key, format string, args ...any) {
	r.problems = append(r.problems, problemOf(n, key, format, args...))
}

func problemOf(n *yaml.Node, key, format string, args ...any) Problem {
	p := Problem{Key: key, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	return p
}

// document returns the only document of text; nil, and a problem, when it is not one.
func (r *reader) document(text []byte) *yaml.Node {
	r.text = text
	if len(text) > MaxBytes {
		r.complain(nil, "", "the file has more than %d bytes", MaxBytes)
		return nil
	}
	if at := notUTF8(text); at >= 0 {
		line, column := position(text, at)
		r.problems = append(r.problems,
			Problem{Line: line, Column: column, Message: "the file is no UTF-8: see this byte"})
		return nil
	}
	top, err := yamlfile.Load(bytes.NewReader(text))
	if err != nil {
		r.syntax(err)
		return nil
	}
	if top == nil {
		r.complain(nil, "", "the file is empty, want name and phases; backspan init writes a file to start from")
		return nil
	}
	if size := (counter{}).count(top); size == endless {
		r.complain(top, "", "an alias stands within what it stands for, so that there is no end")
		return nil
	} else if size > maxValues {
		r.complain(top, "", "with its aliases written out the file has more than %d values", maxValues)
		return nil
	}
	return top
}

// position is the line and column of the byte at offset. As in YAML's own marks, they count characters, from 1.
func position(text []byte, offset int) (line, column int) {
	before := text[:offset]
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[1+bytes.LastIndexByte(before, '\n'):])
}

// notUTF8 is the offset of the first byte that is not part of a UTF-8 character; -1 when there is none.
func notUTF8(text []byte) int {
	for i, r := range string(text) {
		if r == utf8.RuneError && !bytes.HasPrefix(text[i:], []byte(string(utf8.RuneError))) {
			return i
		}
	}
	return -1
}

// syntax adds the problem of text that is no YAML, or more than one document of it.
func (r *reader) syntax(err error) {
	at, ok := errors.AsType[*yamlfile.Error](err)
	if !ok {
		r.complain(nil, "", "%s", err)
		return
	}
	p := Problem{Line: at.Line, Column: at.Column, Message: "no YAML: " + at.Message}
	if at.Context != "" {
		p.Message += " " + at.Context
	}
	switch {
	case at.Second:
		p.Message = "a second document begins here, want one pipeline in a file"
	case strings.Contains(at.Message, "mapping values are not allowed"):
		p.Message += `; a text with ": " in it needs quotes around it, or | before it and lines of its own`
	}
	r.problems = append(r.problems, p)
}

// endless is the size of a value that contains itself.
const endless = -1

// A counter counts values with their aliases written out, without writing them out.
type counter map[*yaml.Node]int

// count stops adding beyond maxValues, so that it never overflows.
func (c counter) count(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return c.count(n.Alias)
	}
	if size, ok := c[n]; ok {
		return size // endless while n itself is being counted
	}
	c[n] = endless
	size := 1
	for _, part := range n.Content {
		s := c.count(part)
		if s == endless {
			return endless
		}
		size = min(size+s, maxValues+1)
	}
	c[n] = size
	return size
}

// target is what n is an alias of, or n.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// An entry is a key of a mapping and its value.
type entry struct {
	key   *yaml.Node
	value *yaml.Node
}

// entries returns the entries of mapping n, each key once, and those that it merges: << names mappings whose entries
// count where n and those before have none of the same key.
func (r *reader) entries(n *yaml.Node, at, want string) (list []entry, ok bool) {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		r.complain(n, at, "is %s, want %s", describe(n), want)
		return nil, false
	}
	seen := map[string]*yaml.Node{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := target(n.Content[i]), n.Content[i+1]
		switch before := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			r.complain(key, at, "a key is %s, want a word", describe(key))
		case before != nil:
			r.complain(key, join(at, key.Value), "stands twice, first in line %d", before.Line)
		case key.ShortTag() == "!!merge":
			seen[key.Value] = key
			merged = []*yaml.Node{value}
			if list := target(value); list.Kind == yaml.SequenceNode {
				merged = list.Content
			}
		default:
			seen[key.Value] = key
			list = append(list, entry{key, value})
		}
	}
	for _, part := range merged {
		more, _ := r.entries(part, join(at, "<<"), "a mapping such as *name, or a list of them")
		for _, e := range more {
			if seen[e.key.Value] == nil {
				seen[e.key.Value] = e.key
				list = append(list, e)
			}
		}
	}
	return list, true
}

// describe says what n is, in the words of a person who reads the file.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "empty"
	}
	const most = 40
	text := n.Value
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// synonyms are keys of other tools.
var synonyms = map[string]string{
	"command": "run", "cmd": "run", "script": "run", "exec": "run",
	"depends_on": "needs", "dependencies": "needs", "after": "needs",
	"environment": "env", "variables": "vars", "inputs": "vars", "params": "vars",
	"working_dir": "dir", "working_directory": "dir", "workdir": "dir", "cwd": "dir",
	"stages": "phases", "jobs": "phases", "tasks": "steps", "commands": "steps",
	"when": "if", "condition": "if", "interpreter": "shell",
	"keep_going": "continue_on_error", "fail_fast": "continue_on_error", "ignore_errors": "allow_failure",
	"ignore_error": "allow_failure", "continue_on": "allow_failure", "exit_codes": "success_codes",
	"skip_on_exit_code": "skip_codes", "after_started": "if_began", "if_started": "if_began",
	"outputs": "output", "retries": "retry", "attempts": "max_retries",
	"failed": "failure", "error": "failure", "succeeded": "success",
	"delay": "base_delay", "backoff": "multiplier", "factor": "multiplier",
}

// didYouMean is the end of a complaint about an unknown word.
func didYouMean(word string, known []string) string {
	if near := nearest.Word(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	var others []string
	for other, ours := range synonyms {
		if slices.Contains(known, ours) {
			others = append(others, other)
		}
	}
	slices.Sort(others) // of two that are equally near the first counts, each time the same
	if other := nearest.Word(word, others); other != "" {
		return fmt.Sprintf("; did you mean %q?", synonyms[other])
	}
	return ", want one of " + strings.Join(known, ", ")
}
