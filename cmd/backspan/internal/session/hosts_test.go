package session

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

// orphan is an attempt whose parent, span 1, is not among the spans.
func orphan(id uint64, from, to, number int, result string, more ...attribute.KeyValue) Span {
	s := as(semconv.KindAttempt, span(id, 1, from, to,
		append(more, semconv.AttemptKey.Int(number), semconv.ResultKey.String(result))...))
	if result != semconv.ResultSuccess {
		s.Status, s.StatusText = codes.Error, "refused"
	}
	return s
}

// A process that is killed leaves the attempts that had ended. They say what they were attempts of.
func TestTriesWithoutTheirHost(t *testing.T) {
	get, load := semconv.OperationKey.String("get"), semconv.PhaseNameKey.String("load")
	next := semconv.NextDelayKey.Float64(5)
	recovered := semconv.OutcomeKey.String(semconv.OutcomeRecovered)
	for _, c := range []struct {
		name                string
		spans               []Span
		session, said, tree string
		outcome             Outcome
		unbegun             bool
	}{
		{
			"killed in the first wait",
			[]Span{orphan(2, 0, 10, 1, "retrying", get, next)},
			"get", "not ended", "get(2)", Unended, false,
		},
		{
			"killed in the second wait, of an operation of a phase",
			[]Span{orphan(2, 0, 10, 1, "retrying", get, load), orphan(3, 20, 30, 2, "retrying", get, load, next)},
			"get", "not ended, 2 attempts", "get(2 3)", Unended, false,
		},
		{
			"the first attempt is lost too",
			[]Span{orphan(3, 20, 30, 2, "success", get, recovered)},
			"get", "recovered", "get(3)", Recovered, true,
		},
		{
			"the last attempt says that it was the last",
			[]Span{orphan(2, 0, 10, 1, "failed", get)},
			"get", "failed", "get(2)", Failed, false,
		},
		{
			"a phase that may yet recover",
			[]Span{orphan(2, 0, 10, 1, "failed", load)},
			"load", "not ended", "load(2)", Unended, false,
		},
		{
			"an attempt that names nothing",
			[]Span{orphan(2, 0, 10, 1, "failed")},
			"2", "", "2", Failed, false,
		},
	} {
		s := New(c.spans)
		if got := shape(s.Roots); got != c.tree {
			t.Errorf("%s: trees %s, want %s", c.name, got, c.tree)
		}
		if got := s.Name(); got != c.session {
			t.Errorf("%s: session %q, want %q", c.name, got, c.session)
		}
		if got := s.Outcome(); got != c.outcome {
			t.Errorf("%s: outcome %q, want %q", c.name, got, c.outcome)
		}
		if got := s.Roots[0].Said(); got != c.said {
			t.Errorf("%s: said %q, want %q", c.name, got, c.said)
		}
		if got := s.Roots[0].Unbegun; got != c.unbegun {
			t.Errorf("%s: unbegun %v, want %v", c.name, got, c.unbegun)
		}
	}
}
