package waterfall

import (
	"testing"

	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/semconv"
)

// A failure is left out of a row only when a row below shows the same one.
func TestWraps(t *testing.T) {
	failed := func(kind, class, text string) *session.Node {
		s := &session.Span{Kind: kind, Status: codes.Error, StatusText: text}
		if class != "" {
			s.Attributes = append(s.Attributes, semconv.ErrorTypeKey.String(class))
		}
		return &session.Node{Span: s}
	}
	for _, c := range []struct {
		name, outer, class, inner, kind string
		want                            bool
	}{
		{"the same", "EOF", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{"wrapped", "loading: EOF", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{"with the first failure", "gave up after 2 attempts: EOF (first: reset)", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{"the first failure", "gave up after 2 attempts: reset (first: EOF)", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{"a later one of several", "unexpected EOF; b: EOF", "*errors.errorString", "EOF", semconv.KindOperation, true},
		{"a part of another", "unexpected EOF", "*errors.errorString", "EOF", semconv.KindOperation, false},
		{"the beginning of another", "row 7: not a number", "*errors.errorString", "row 7", semconv.KindOperation, false},
		{"another class", "loading: 503", "timeout", "503", semconv.KindOperation, false},
		{"no class", "loading: 503", "", "503", semconv.KindOperation, false},
		{"no class, of other instrumentation", "loading: 503", "", "503", "", true},
		{"no text", "loading: 503", "*errors.errorString", "", semconv.KindOperation, false},
	} {
		inner := failed(c.kind, c.class, c.inner)
		if c.inner == "" {
			inner.Attributes = nil
		}
		if got := wraps(failed(semconv.KindPhase, "*errors.errorString", c.outer), inner); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
