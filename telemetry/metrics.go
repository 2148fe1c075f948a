package telemetry

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// The bounds of what metrics keep, whatever names a program uses.
const (
	measuredNames  = 1000     // operations and phases that are counted by their names
	measuredErrors = 200      // likewise of error.type
	measuredSets   = 2000     // sets of attributes that are made once; as many as an instrument of the SDK has
	otherName      = "other"  // the name of operations and phases that came after
	otherError     = "_OTHER" // error.type of errors that came after, as OpenTelemetry's convention has it
)

// Metrics is a span processor that measures Backspan's operations and attempts, sampled or not. Start makes one where
// metrics are on; it is exported for programs with providers of their own:
//
//	metrics, err := telemetry.NewMetrics(meterProvider, nil)
//	provider := sdktrace.NewTracerProvider(
//		sdktrace.WithSampler(telemetry.Sampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01)))),
//		sdktrace.WithSpanProcessor(metrics),
//		sdktrace.WithBatcher(telemetry.NewExporter(exporter, nil)),
//	)
//
// Attributes are names and fixed words, never a session, a trace, or the number of an attempt. 1,000 operations have
// their names, the rest are "other". A sampled span leads from the measurement to its trace, as an exemplar. Dry runs
// are not measured.
type Metrics struct {
	mask func(string) string

	duration, delay, attempt metric.Float64Histogram
	attempts                 metric.Int64Histogram
	tokens                   metric.Float64Gauge
	refused                  metric.Int64Counter

	nested nested
	sets   atomic.Pointer[map[measured][]metric.RecordOption] // replaced when one is added
	mu     sync.Mutex                                         // is held while one is made
	names  map[string]bool                                    // those that are not "other"
	errors map[string]bool
}

var _ sdktrace.SpanProcessor = (*Metrics)(nil)

// measured is what the attributes of a measurement are made of.
type measured struct {
	operation, phase, errorType string
	end                         string // outcome or result
	attempt, nested, resend     bool
}

// NewMetrics returns a processor whose instruments are of provider. redact changes the names of operations and phases,
// and is called at least once for each; nil: redact.Secrets. The error is the provider's, or a *FieldError when there
// is no provider.
func NewMetrics(provider metric.MeterProvider, redact func(string) string) (*Metrics, error) {
	if provider == nil {
		const want = "a metric.MeterProvider, such as otel.GetMeterProvider()"
		return nil, &FieldError{Field: "provider", Value: "nil", Want: want}
	}
	m := &Metrics{mask: orSecrets(redact), names: map[string]bool{}, errors: map[string]bool{}}
	m.sets.Store(&map[measured][]metric.RecordOption{})
	meter := provider.Meter(semconv.ScopeName, metric.WithInstrumentationVersion(semconv.ScopeVersion))
	seconds := func(name, what string) (h metric.Float64Histogram, err error) {
		h, err = meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what),
			metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120))
		if err != nil {
			err = fmt.Errorf("telemetry: metric %s: %w", name, err)
		}
		return h, err
	}
	var err error
	m.duration, err = seconds(semconv.OperationDuration, "Duration of operations, attempts and waits included.")
	if err != nil {
		return nil, err
	}
	if m.delay, err = seconds(semconv.OperationDelay, "Time that operations which retried spent waiting."); err != nil {
		return nil, err
	}
	if m.attempt, err = seconds(semconv.AttemptDuration, "Duration of attempts. Operations with "+
		"retry.FromFirstFailure have no attempts that succeed at first."); err != nil {
		return nil, err
	}
	m.attempts, err = meter.Int64Histogram(semconv.OperationAttempts, metric.WithUnit("{attempt}"),
		metric.WithDescription("Attempts of each operation; its sum by its count is the amplification."),
		metric.WithExplicitBucketBoundaries(1, 2, 3, 4, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("telemetry: metric %s: %w", semconv.OperationAttempts, err)
	}
	m.tokens, err = meter.Float64Gauge(semconv.BudgetTokens, metric.WithUnit("{token}"),
		metric.WithDescription("What a retry budget had left when it was asked last."))
	if err != nil {
		return nil, fmt.Errorf("telemetry: metric %s: %w", semconv.BudgetTokens, err)
	}
	m.refused, err = meter.Int64Counter(semconv.BudgetRefused, metric.WithUnit("{retry}"),
		metric.WithDescription("Retries that a budget had too little for."))
	if err != nil {
		return nil, fmt.Errorf("telemetry: metric %s: %w", semconv.BudgetRefused, err)
	}
	return m, nil
}

// OnStart notes which operations and attempts are within another operation.
func (m *Metrics) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	switch scope.Starting(parent) {
	case semconv.KindOperation, semconv.KindAttempt:
		m.nested.enter(parent, span)
	}
}

// OnEnd measures an operation or an attempt.
func (m *Metrics) OnEnd(span sdktrace.ReadOnlySpan) {
	if !isBackspan(span) {
		return
	}
	var s seen
	s.read(span.Attributes())
	if s.kind != semconv.KindOperation && s.kind != semconv.KindAttempt {
		return
	}
	key := measured{
		operation: s.operation, errorType: s.errorType, end: s.result, attempt: true,
		nested: m.nested.leave(span).operation != "", resend: s.attempt > 1,
	}
	if s.kind == semconv.KindOperation {
		key.phase, key.end, key.attempt, key.resend = s.phase, s.outcome, false, false
	}
	if s.dryRun || s.skipped != "" || s.operation == "" { // the first try of a phase is an attempt of no operation
		return
	}
	ctx := context.Background()
	if span.SpanContext().IsSampled() {
		ctx = trace.ContextWithSpanContext(ctx, span.SpanContext())
	}
	took := span.EndTime().Sub(span.StartTime()).Seconds()
	record := m.attributes(key)
	if key.attempt {
		m.attempt.Record(ctx, took, record...)
		m.budget(ctx, &s)
		return
	}
	m.duration.Record(ctx, took, record...)
	m.attempts.Record(ctx, s.attempts, record...)
	if s.totalDelay > 0 {
		m.delay.Record(ctx, s.totalDelay, record...)
	}
}

// budget measures what a failed attempt says of its budget.
func (m *Metrics) budget(ctx context.Context, s *seen) {
	if !s.hasTokens {
		return
	}
	m.mu.Lock()
	name := metric.WithAttributeSet(attribute.NewSet(semconv.BudgetNameKey.String(m.name(s.budget))))
	m.mu.Unlock()
	m.tokens.Record(ctx, s.tokens, name)
	if s.outcome == semconv.OutcomeBudget {
		m.refused.Add(ctx, 1, name)
	}
}

// ForceFlush does nothing: measurements are the provider's.
func (m *Metrics) ForceFlush(context.Context) error { return nil }

// Shutdown does nothing: the provider is not the processor's.
func (m *Metrics) Shutdown(context.Context) error { return nil }

// attributes returns the set of attributes for key as Record takes it. It is made once, because it is sorted and
// allocates, and takes no lock when it was made before.
func (m *Metrics) attributes(key measured) []metric.RecordOption {
	if set := (*m.sets.Load())[key]; set != nil {
		return set
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	sets := *m.sets.Load()
	if set := sets[key]; set != nil {
		return set
	}
	set := m.newSet(key)
	if len(sets) < measuredSets {
		more := maps.Clone(sets)
		more[key] = set
		m.sets.Store(&more)
	}
	return set
}

func (m *Metrics) newSet(key measured) []metric.RecordOption {
	end := semconv.OutcomeKey
	if key.attempt {
		end = semconv.ResultKey
	}
	list := []attribute.KeyValue{
		semconv.OperationKey.String(m.name(key.operation)), end.String(key.end), semconv.NestedKey.Bool(key.nested),
	}
	if key.attempt {
		list = append(list, semconv.ResendKey.Bool(key.resend))
	}
	if key.phase != "" {
		list = append(list, semconv.PhaseNameKey.String(m.name(key.phase)))
	}
	if key.errorType != "" {
		list = append(list, semconv.ErrorTypeKey.String(among(m.errors, key.errorType, measuredErrors, otherError)))
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(list...))}
}

// name masks a name, and makes it "other" when there are too many.
func (m *Metrics) name(name string) string {
	return among(m.names, m.mask(name), measuredNames, otherName)
}

// among returns word if it is one of known, or there is room for it, and other otherwise.
func among(known map[string]bool, word string, most int, other string) string {
	if !known[word] {
		if len(known) >= most {
			return other
		}
		known[word] = true
	}
	return word
}

// openMetrics makes the provider that reader collects from, and the processor that measures with it.
func (t *Telemetry) openMetrics(
	reader sdkmetric.Reader, r *resource.Resource, mask func(string) string,
) (*Metrics, error) {
	t.meters = sdkmetric.NewMeterProvider(sdkmetric.WithResource(r), sdkmetric.WithReader(reader))
	_, err := t.meters.Meter(semconv.ScopeName, metric.WithInstrumentationVersion(semconv.ScopeVersion)).
		Int64ObservableCounter(semconv.EventsDropped, metric.WithUnit("{event}"),
			metric.WithDescription("Lines of the event log that could not be written."),
			metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				o.Observe(int64(t.EventsDropped()))
				return nil
			}))
	if err != nil {
		return nil, fmt.Errorf("telemetry: metric %s: %w", semconv.EventsDropped, err)
	}
	return NewMetrics(t.meters, mask)
}
