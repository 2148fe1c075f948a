package command

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// PhaseVariable names the variable with the phase that a process runs in. It is empty outside of phases.
const PhaseVariable = "BACKSPAN_PHASE"

// AttemptVariable names the variable with the number of the attempt that a process is, or runs in. Every command of a
// backspan has it.
const AttemptVariable = "BACKSPAN_ATTEMPT"

// An Environment holds the variables of a command by their names. Each stands there once: of two with one name, some
// programs see the first and others the last.
type Environment map[string]string

// NewEnvironment makes an Environment of entries like name=value. Of several with one name the last one counts.
func NewEnvironment(entries []string) Environment {
	e := make(Environment, len(entries)+16)
	for _, entry := range entries {
		if name, value, ok := strings.Cut(entry, "="); ok {
			e[name] = value
		}
	}
	return e
}

// SetAttempt tells the command where it runs: its trace, session, phase and attempt. Without a span in ctx the
// variables of the trace stay as they are.
func (e Environment) SetAttempt(ctx context.Context, session, phase string) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		delete(e, "TRACESTATE") // Inject leaves an empty one out
		for name, value := range carrier {
			e[strings.ToUpper(name)] = value
		}
	}
	e[telemetry.SessionVariable] = session
	e[PhaseVariable] = phase
	if attempt, ok := retry.AttemptFromContext(ctx); ok {
		e[AttemptVariable] = strconv.Itoa(attempt.Number)
	}
}

// SetFailure tells a command of an operation what failed: the attempts that were made of it, and of the last one the
// exit code, below 0 when no command ran, and the error.
func (e Environment) SetFailure(operation string, attempts, code int, message string) {
	e["BACKSPAN_OPERATION"] = operation
	e["BACKSPAN_ATTEMPTS"] = strconv.Itoa(attempts)
	delete(e, "BACKSPAN_EXIT_CODE")
	if code >= 0 {
		e["BACKSPAN_EXIT_CODE"] = strconv.Itoa(code)
	}
	e["BACKSPAN_ERROR"] = strings.ReplaceAll(message, "\x00", "\uFFFD") // no variable can hold a NUL
}

// List returns the variables as entries like name=value, in the order of their names.
func (e Environment) List() []string {
	list := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		list = append(list, name+"="+e[name])
	}
	return list
}
