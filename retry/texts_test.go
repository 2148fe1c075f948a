package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// kinded is an error with a type and a text of any kind.
type kinded struct{ kind, text string }

func (e kinded) Error() string     { return e.text }
func (e kinded) ErrorType() string { return e.kind }

// A collector refuses a batch for one invalid byte, or for its size. So every text on a span is bounded and valid where
// it is made.
func TestTextsOnSpansAreBoundedAndValid(t *testing.T) {
	long := strings.Repeat("torn \xc3 <p>sorry</p> ", 80_000) // 1.6 MB
	for name, leave := range map[string]func() error{
		"error": func() error { return kinded{long, long} },
		"panic": func() error { panic(kinded{long, long}) },
		"First": func() error { return fmt.Errorf("%w and %p", kinded{long, long}, new(int)) },
	} {
		ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
		func() {
			defer func() { _ = recover() }()
			_ = retry.Do(ctx, long, retry.Policy{MaxRetries: 1}, func(context.Context) error { return leave() })
		}()
		spans := rec.Spans()
		if len(spans) < 2 {
			t.Errorf("%s: %d spans", name, len(spans))
		}
		for _, s := range spans {
			limit := boundtext.MaxAttempt
			switch {
			case !strings.HasPrefix(s.Name(), "attempt"):
				limit = boundtext.MaxOperation
			case name == "panic":
				limit = boundtext.MaxAttemptBeside
			}
			checkText(t, s.Name()+" description", s.Status().Description, limit)
			checkTexts(t, s)
		}
	}
}

func checkTexts(t *testing.T, s sdktrace.ReadOnlySpan) {
	t.Helper()
	limits := map[attribute.Key]int{
		semconv.OperationKey: boundtext.MaxName, semconv.ErrorTypeKey: boundtext.MaxErrorType,
		semconv.ReasonKey:              boundtext.MaxEventReason,
		semconv.ExceptionTypeKey:       boundtext.MaxErrorType,
		semconv.ExceptionMessageKey:    boundtext.MaxException,
		semconv.ExceptionStacktraceKey: boundtext.MaxStack,
	}
	checkText(t, "name", s.Name(), boundtext.MaxName)
	all := s.Attributes()
	for _, e := range s.Events() {
		all = append(all, e.Attributes...)
	}
	for _, kv := range all {
		if limit, known := limits[kv.Key]; known {
			checkText(t, string(kv.Key), kv.Value.AsString(), limit)
		} else if kv.Value.Type() == attribute.STRING {
			checkText(t, string(kv.Key), kv.Value.AsString(), 32)
		}
	}
}

func checkText(t *testing.T, what, text string, limit int) {
	t.Helper()
	if len(text) > limit || text == "" || !utf8.ValidString(text) {
		t.Errorf("%s: %d bytes of at most %d, valid: %v", what, len(text), limit, utf8.ValidString(text))
	}
}

func TestALongTextBeginsWithItsCause(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	page := strings.Repeat("<p>sorry</p>\n", 300)
	err := retry.Do(ctx, "outer", retry.Policy{MaxRetries: retry.Never}, func(ctx context.Context) error {
		return retry.Do(ctx, "inner", retry.Policy{MaxRetries: retry.Never}, func(context.Context) error {
			return fmt.Errorf("502 %s: %w", page, errors.Join(errRefused, errors.New("other")))
		})
	})
	if !errors.Is(err, errRefused) || len(err.Error()) < len(page) {
		t.Errorf("the error itself was cut: %d bytes", len(err.Error()))
	}
	for _, s := range rec.Spans() {
		if text := s.Status().Description; !strings.HasPrefix(text, "connection refused … ") ||
			!strings.HasSuffix(text, " bytes)") {
			t.Errorf("%s: %.60q … %q", s.Name(), text, text[len(text)-20:])
		}
	}
}
