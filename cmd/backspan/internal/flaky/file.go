package flaky

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/cmd/backspan/internal/yamlfile"
	"github.com/backspan/backspan/internal/nearest"
	"github.com/backspan/backspan/retry/retrytest/flaky"
)

// parse reads a script file. Its errors begin with name:line:column.
func parse(name string, content io.Reader) (flaky.Config, error) {
	c := flaky.Config{Paths: map[string]string{}, Rates: map[string]float64{}}
	top, err := yamlfile.Load(content)
	if err != nil {
		return c, yamlfile.In(name, err)
	}
	if top == nil {
		return c, nil
	}
	err = each(top, func(key, value *yaml.Node) error { return set(&c, key, value) })
	var bad *placed
	if errors.As(err, &bad) {
		return c, fmt.Errorf("%s:%d:%d: %w", name, bad.at.Line, bad.at.Column, bad.error)
	}
	if _, err := flaky.NewHandler(c); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// placed is an error with the node that it is about.
type placed struct {
	at *yaml.Node
	error
}

func bad(at *yaml.Node, format string, args ...any) error {
	return &placed{at, fmt.Errorf(format, args...)}
}

// each calls f with the keys and values of a mapping.
func each(n *yaml.Node, f func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return bad(n, "want keys with values, like script: 503, 200")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if seen[key.Value] {
			return bad(key, "%s stands here again", key.Value)
		}
		seen[key.Value] = true
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

var fileKeys = []string{"script", "paths", "key", "rates", "seed"}

// set reads one key of the file.
func set(c *flaky.Config, key, value *yaml.Node) (err error) {
	switch key.Value {
	case "script":
		c.Script, err = scriptOf(value)
	case "paths":
		err = each(value, func(path, script *yaml.Node) (err error) {
			c.Paths[path.Value], err = scriptOf(script)
			return err
		})
	case "key":
		if value.Kind != yaml.ScalarNode || value.Value == "" {
			return bad(value, "key wants the name of a header, like X-Test")
		}
		c.Key = func(r *http.Request) string { return r.Header.Get(value.Value) }
	case "rates":
		err = each(value, func(step, share *yaml.Node) error {
			var rate float64
			if err := share.Decode(&rate); err != nil || !(rate >= 0 && rate <= 1) {
				return bad(share, "the rate of %s is %q, want a share from 0 to 1, like 0.1", step.Value, share.Value)
			}
			c.Rates[step.Value] = rate
			return check(step, step.Value)
		})
	case "seed":
		if err := value.Decode(&c.Seed); err != nil {
			return bad(value, "seed is %q, want a whole number from 0 on", value.Value)
		}
	default:
		return bad(key, "unknown key %q%s, want one of %s",
			key.Value, nearest.Ask(key.Value, fileKeys), strings.Join(slices.Sorted(slices.Values(fileKeys)), ", "))
	}
	return err
}

// scriptOf reads a script: a text, or a list of steps.
func scriptOf(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, check(n, n.Value)
	case yaml.SequenceNode:
		steps := make([]string, len(n.Content))
		for i, step := range n.Content {
			if step.Kind != yaml.ScalarNode {
				return "", bad(step, "want a step, like 503")
			}
			if err := check(step, step.Value); err != nil {
				return "", err
			}
			steps[i] = step.Value
		}
		return strings.Join(steps, ", "), nil
	}
	return "", bad(n, "want a script, like 503, reset, 200, or a list of steps")
}

func check(at *yaml.Node, script string) error {
	if err := flaky.Check(script); err != nil {
		return &placed{at, err}
	}
	return nil
}
