package pipefile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v4"
)

// A schema is a JSON Schema, or a part of one.
type schema map[string]any

func anyOf(list ...schema) schema { return schema{"anyOf": list} }

func textLike(expr string) schema { return schema{"type": "string", "pattern": expr} }

func wholeNumber(least, most int) schema {
	return schema{"type": "integer", "minimum": least, "maximum": most}
}

// A kind is a kind of value: how it is read, and how the JSON Schema describes it.
type kind[V any] struct {
	schema schema
	read   func(r *reader, n *yaml.Node, at string) (V, bool) // ok is false when there was a problem
}

// scalar is a kind that is one word or text. parse gets it as it stands in the file, and says what is wrong with it.
func scalar[V any](s schema, want string, tags []string, parse func(text string) (V, error)) kind[V] {
	return kind[V]{s, func(r *reader, n *yaml.Node, at string) (v V, ok bool) {
		n = target(n)
		if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
			hint := ""
			if n.Kind == yaml.ScalarNode && slices.Contains(tags, "!!str") && slices.Contains(plainTags, n.ShortTag()) {
				hint = `; in quotes it is text`
			}
			r.complain(n, at, "is %s, want %s%s", describe(n), want, hint)
			return v, false
		}
		v, err := parse(n.Value)
		if err != nil {
			r.complain(n, at, "%s", err)
			return v, false
		}
		return v, true
	}}
}

// plainTags are the YAML tags of single words. A word such as 1.5 or true looks like a number or a boolean.
var plainTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}

var textTag = []string{"!!str"}

// noNUL matches text without NUL: no argument and no variable of a command can hold one.
const noNUL = `^[^\x00]*$`

// matches returns a function that says whether text matches expr. expr is compiled at its first call: most starts of
// the program read no pipeline.
func matches(expr string) func(text string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
	return func(text string) bool { return compiled().MatchString(text) }
}

// pattern is text that matches a regular expression.
func pattern(expr, want string) kind[string] {
	fits := matches(expr)
	return scalar(textLike(expr), want, textTag, func(text string) (string, error) {
		if !fits(text) {
			return "", fmt.Errorf("is %q, want %s", text, want)
		}
		return text, nil
	})
}

const (
	nameExpr    = `^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`
	envNameExpr = `^[A-Za-z_][A-Za-z0-9_]*$`
	ownNameExpr = `^(TRACEPARENT|TRACESTATE|BACKSPAN_(SESSION|PHASE|ATTEMPT|RECOVERY|IDEMPOTENCY_KEY|OUTPUT_.*|` +
		`RUN_STATUS|FAILED_(PHASE|STEP|ERROR|EXIT_CODE)))$`
)

var (
	isEnvName = matches(envNameExpr)

	// IsOwnName reports whether a variable is one that run itself sets for its commands.
	IsOwnName = matches(ownNameExpr)

	nameKind   = pattern(nameExpr, "a name of letters, digits, and _ . - between them, at most 100")
	titleKind  = pattern(`^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$`, "a name on one line")
	dirKind    = pattern(`^[^\x00]+$`, "a directory")
	scriptKind = pattern(`^[^\x00]*[^\x00\s][^\x00]*$`, "a command")
)

// asWritten is text. A number or a boolean is taken as the text that stands in the file.
var asWritten = scalar(
	anyOf(textLike(noNUL), schema{"type": "number"}, schema{"type": "boolean"}),
	`text, or "" for none`, plainTags, func(text string) (string, error) {
		if strings.ContainsRune(text, 0) {
			return "", errors.New("has a NUL, which no command can be told")
		}
		return text, nil
	})

const durationExpr = `^(0|([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h))+)$`

var isDuration = matches(durationExpr)

// maxDuration is far from the longest time.Duration, so that sums do not overflow.
const maxDuration = 10 * 365 * 24 * time.Hour

var durationKind = scalar(
	schema{"anyOf": []any{textLike(durationExpr), schema{"const": 0}}, "examples": []any{"30s", "1m30s"}},
	"a duration such as 30s or 1m30s", []string{"!!str", "!!int", "!!float"}, func(text string) (time.Duration, error) {
		if text == "0" {
			return 0, nil
		}
		d, err := time.ParseDuration(text)
		switch {
		case isDuration(text) && err == nil && d <= maxDuration:
			return d, nil
		case err == nil && d < 0:
			return 0, fmt.Errorf("is %s, want 0 or more", text)
		case isDuration(text):
			return 0, fmt.Errorf("is %s, want at most %v", text, maxDuration)
		}
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return 0, fmt.Errorf("is %s, want a unit with it: %ss, or %sm for minutes", text, text, text)
		}
		return 0, fmt.Errorf("is %q, want a duration such as 30s or 1m30s", text)
	})

// oneOf is one of a few words.
func oneOf[V any](words []string, values []V) kind[V] {
	want := "one of " + strings.Join(words, ", ")
	return scalar(schema{"enum": words}, want, plainTags, func(text string) (v V, err error) {
		if i := slices.Index(words, text); i >= 0 {
			return values[i], nil
		}
		return v, fmt.Errorf("is %q%s", text, didYouMean(text, words))
	})
}

// listOf is a list of at least least values.
func listOf[V any](element kind[V], least int, want string) kind[[]V] {
	s := schema{"type": "array", "items": element.schema}
	if least > 0 {
		s["minItems"] = least
	}
	return kind[[]V]{s, func(r *reader, n *yaml.Node, at string) (list []V, ok bool) {
		n = target(n)
		if n.Kind != yaml.SequenceNode || len(n.Content) < least {
			what := describe(n)
			if n.Kind == yaml.SequenceNode {
				what = "an empty list"
			}
			r.complain(n, at, "is %s, want %s", what, want)
			return nil, false
		}
		list, ok = make([]V, 0, len(n.Content)), true // an empty list is not nil
		for i, part := range n.Content {
			key := fmt.Sprintf("%s[%d]", at, i)
			r.nodes[key] = part
			v, good := element.read(r, part, key)
			list = append(list, v)
			ok = ok && good
		}
		return list, ok
	}}
}

// A key is a key of an object of type T.
type key[T any] struct {
	name     string
	about    string // for the schema
	required bool
	schema   schema
	read     func(r *reader, n *yaml.Node, at string, into *T)
}

// keyOf is a key whose value is of kind k; set puts it into the object.
func keyOf[T, V any](name string, k kind[V], set func(*T, V), about string) key[T] {
	return key[T]{name, about, false, k.schema, func(r *reader, n *yaml.Node, at string, into *T) {
		if v, ok := k.read(r, n, at); ok {
			set(into, v)
		}
	}}
}

// partKeys are the keys of a part of T as keys of T itself.
func partKeys[T, P any](keys []key[P], part func(*T) *P) []key[T] {
	list := make([]key[T], len(keys))
	for i, k := range keys {
		list[i] = key[T]{k.name, k.about, k.required, k.schema, func(r *reader, n *yaml.Node, at string, into *T) {
			k.read(r, n, at, part(into))
		}}
	}
	return list
}

// must returns k as a required key.
func must[T any](k key[T]) key[T] {
	k.required = true
	return k
}

// object is a mapping with known keys.
func object[T any](what string, keys []key[T]) kind[T] { return objectWith(what, keys, "") }

// objectWith is object for mappings that may have other keys too, when these begin with prefix. Empty means none.
func objectWith[T any](what string, keys []key[T], prefix string) kind[T] {
	properties, required := schema{}, []string{}
	for _, k := range keys {
		s := schema{"description": k.about}
		maps.Copy(s, k.schema)
		properties[k.name] = s
		if k.required {
			required = append(required, k.name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	if prefix != "" {
		s["patternProperties"] = schema{"^" + prefix: schema{"description": "any value: for anchors"}}
	}
	return kind[T]{s, func(r *reader, n *yaml.Node, at string) (v T, ok bool) {
		before := len(r.problems)
		list, ok := r.entries(n, at, what)
		if !ok {
			return v, false
		}
		if prefix != "" {
			list = slices.DeleteFunc(list, func(e entry) bool { return strings.HasPrefix(e.key.Value, prefix) })
		}
		readKeys(r, target(n), at, keys, list, &v)
		return v, len(r.problems) == before
	}}
}

func readKeys[T any](r *reader, n *yaml.Node, at string, keys []key[T], list []entry, into *T) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	found := make([]bool, len(keys))
	for _, e := range list {
		i := slices.Index(names, e.key.Value)
		if i < 0 {
			r.complain(e.key, at, "unknown key %q%s", e.key.Value, didYouMean(e.key.Value, names))
			continue
		}
		found[i] = true
		key := join(at, e.key.Value)
		r.nodes[key] = e.value
		keys[i].read(r, e.value, key, into)
	}
	for i, k := range keys {
		if k.required && !found[i] {
			r.complain(n, at, "has no %s: %s", k.name, k.about)
		}
	}
}
