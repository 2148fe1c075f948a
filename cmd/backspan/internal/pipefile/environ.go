package pipefile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// An environment is that of a command: each variable once, because of two some programs see the first and others the last.
type environment struct {
	list  []string
	index map[string]int
}

func newEnvironment(list []string) *environment {
	e := &environment{index: make(map[string]int, len(list)+16)}
	for _, entry := range list {
		// What this process was told about its own place is not the command's.
		if name, value, ok := strings.Cut(entry, "="); ok && !isOwnName(name) {
			e.set(name, value)
		}
	}
	return e
}

func (e *environment) set(name, value string) {
	i, ok := e.index[name]
	if !ok {
		i = len(e.list)
		e.index[name] = i
		e.list = append(e.list, "")
	}
	e.list[i] = name + "=" + value
}

func (e *environment) setAll(list []Setting) {
	for _, s := range list {
		e.set(s.Name, s.Value)
	}
}

// place tells the command where it runs: its span, session, phase and attempt.
func (e *environment) place(ctx context.Context, in orchestrator.Input) {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	for name, value := range carrier {
		e.set(strings.ToUpper(name), value)
	}
	e.set("BACKSPAN_SESSION", in.RunID)
	e.set("BACKSPAN_PHASE", in.Phase)
	if attempt, ok := retry.AttemptFromContext(ctx); ok {
		e.set("BACKSPAN_ATTEMPT", strconv.Itoa(attempt.Number))
	}
	e.set("BACKSPAN_RECOVERY", strconv.Itoa(in.Attempt))
	e.set("BACKSPAN_IDEMPOTENCY_KEY", in.IdempotencyKey)
}

// outputVariable is the name of the variable with the output of a step: letters are made capital, and what is neither
// letter nor digit becomes _.
func outputVariable(phase, step string) string {
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
	return "BACKSPAN_OUTPUT_" + strings.Map(upper, phase) + "_" + strings.Map(upper, step)
}

// Values are the values of the file's vars: what is given wins over environ, and that over the defaults. The error says
// what was given and is no var, or which var has no value.
func (f *File) Values(given map[string]string, environ []string) ([]Setting, error) {
	names := make([]string, len(f.Vars))
	for i, v := range f.Vars {
		names[i] = v.Name
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(names, name) {
			continue
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%q is no var of the file, which has none", name)
		}
		return nil, fmt.Errorf("%q is no var of the file%s", name, didYouMean(name, names))
	}
	around := newEnvironment(environ)
	values := make([]Setting, 0, len(f.Vars))
	for _, v := range f.Vars {
		value, ok := given[v.Name]
		if i, set := around.index[v.Name]; !ok && set {
			_, value, ok = strings.Cut(around.list[i], "=")
		}
		if !ok && v.Default != nil {
			value, ok = *v.Default, true
		}
		if !ok {
			return nil, fmt.Errorf("var %q has no value and no default; give it with --var %s=…", v.Name, v.Name)
		}
		values = append(values, Setting{Name: v.Name, Value: value})
	}
	return values, nil
}
