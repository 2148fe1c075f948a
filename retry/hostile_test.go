package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// A ring is an error that wraps itself, round a corner or not: whoever asks errors.Is of it never gets an answer.
type ring struct{ next error }

func (*ring) Error() string   { return "ring" }
func (r *ring) Unwrap() error { return r.next }

func TestAnErrorThatWrapsItselfIsRetriedLikeAnyOther(t *testing.T) {
	round := &ring{}
	round.next = errors.Join(fmt.Errorf("corner: %w", round), round)
	ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
	calls := 0
	// Two loops, because the outer one looks through the error of the inner.
	err := retry.Do(ctx, "outer", retry.Policy{MaxRetries: retry.Never}, func(ctx context.Context) error {
		return retry.Do(ctx, "inner", retry.Policy{MaxRetries: 1}, func(context.Context) error {
			calls++
			return round
		})
	})
	var e *retry.Error
	if !errors.As(err, &e) || e.Reason != retry.ErrExhausted || calls != 2 {
		t.Errorf("%d calls, error %v", calls, err)
	}
	if got := rec.Outcomes("inner"); !slices.Equal(got, []string{semconv.OutcomeExhausted}) {
		t.Errorf("outcomes %q", got)
	}
}

// A librarian stands for an error without unwrapping it.
type librarian struct{ error }

func (l librarian) Is(target error) bool { return errors.Is(l.error, target) }
func (l librarian) As(target any) bool   { return errors.As(l.error, target) }

func TestMarksAreHeardThroughIsAndAs(t *testing.T) {
	mark := func(err error) error { return fmt.Errorf("call: %w", librarian{err}) }
	for name, c := range map[string]struct {
		err  error
		want decide.Decision
	}{
		"permanent": {mark(retry.Permanent(errRefused)), decide.Decision{Reason: retry.ErrPermanent}},
		"after": {
			mark(retry.After(5*time.Second, errRefused)),
			decide.Decision{Retry: true, Delay: 5 * time.Second, Asked: 5 * time.Second},
		},
		"neither": {mark(errRefused), decide.Decision{Retry: true, Delay: time.Second}},
	} {
		if got := decide.For(retry.Policy{}, decide.Ended{Attempt: 1, Err: c.err}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// reader is a span processor that reads spans on a goroutine of its own, as exporters do, while they run and after.
type reader struct {
	startWatcher
	spans chan sdktrace.ReadOnlySpan
}

func (r reader) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) { r.spans <- s }
func (r reader) OnEnd(s sdktrace.ReadOnlySpan)                       { r.spans <- s }

// Attributes and events are handed over in memory that is used again at once by whoever comes next. What a span says
// must not change by that. Under the race detector, this also shows that nobody reads that memory any more.
func TestASpanKeepsWhatItSaysWhileOthersGoOn(t *testing.T) {
	r := reader{spans: make(chan sdktrace.ReadOnlySpan, 64)}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
	var kept []sdktrace.ReadOnlySpan
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := range r.spans {
			kept = append(kept, s)
			for _, s := range kept[max(0, len(kept)-32):] {
				_, _ = line(s), s.Events()
			}
		}
	}()
	var running sync.WaitGroup
	for i := range 4 {
		running.Go(func() {
			name := fmt.Sprint("operation ", i)
			ctx, root := provider.Tracer("somebody").Start(t.Context(), name)
			for range 50 {
				f := flaky{failures: 2, err: errors.New(name)}
				if err := retry.Do(ctx, name, retry.Policy{BaseDelay: retry.NoDelay}, f.op); err != nil {
					t.Error(err)
				}
			}
			root.End()
		})
	}
	running.Wait()
	close(r.spans)
	<-read

	whose := map[string]string{} // trace ids to operations
	for _, s := range kept {
		if strings.HasPrefix(s.Name(), "operation") {
			whose[s.SpanContext().TraceID().String()] = s.Name()
		}
	}
	reasons := 0
	for _, s := range kept {
		name := whose[s.SpanContext().TraceID().String()]
		for _, kv := range s.Attributes() {
			if kv.Key == semconv.OperationKey && kv.Value.AsString() != name {
				t.Fatalf("a span of %s says: %s", name, line(s))
			}
		}
		for _, event := range s.Events() {
			if reasons++; !strings.Contains(facts(event.Attributes), "retry.reason="+name) {
				t.Fatalf("an event of %s says: %s", name, facts(event.Attributes))
			}
		}
	}
	if len(whose) != 4 || reasons < 4*50*2 {
		t.Errorf("%d traces and %d events were read", len(whose), reasons)
	}
}
