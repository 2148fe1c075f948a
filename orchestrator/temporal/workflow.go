package temporal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/workflow"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
)

// run is the workflow. It returns the report of the run however that ended. It panics where this worker cannot run
// it: Temporal then keeps the run for a worker that can.
func (p *planned) run(ctx workflow.Context, o order) (outcome, error) {
	if own := p.plan.Fingerprint(); own != o.Fingerprint {
		panic(fmt.Errorf("%w: it began with fingerprint %s, and this worker's pipeline has %s: its phases' names, "+
			"order, needs, conditions, dry runs or fallbacks differ", ErrChanged, o.Fingerprint, own))
	}
	d := newDriver(ctx, p, o)
	report, err := p.plan.Drive(d, o.options())
	if report.Status == "" { // something does not fit the plan
		panic(err)
	}
	p.writeSpans(d)
	return newOutcome(report, err), nil
}

// runSpan is the span context of the run. Each attempt goes by it, so it is asked for once and kept in the history.
func (p *planned) runSpan(ctx workflow.Context, o *order) trace.SpanContext {
	var carrier propagation.MapCarrier
	err := workflow.SideEffect(ctx, func(workflow.Context) any {
		below := format.Extract(context.Background(), o.Caller)
		span, err := engine.RunSpan(below, p.name, o.RunID)
		if err != nil {
			otel.Handle(fmt.Errorf("temporal: pipeline %q: spans of attempts will have no parents: %w", p.name, err))
		}
		return inject(span)
	}).Get(&carrier)
	if err != nil {
		panic(err) // the history does not hold what was put into it
	}
	return trace.SpanContextFromContext(format.Extract(context.Background(), carrier))
}

func inject(span trace.SpanContext) propagation.MapCarrier {
	carrier := propagation.MapCarrier{}
	format.Inject(trace.ContextWithSpanContext(context.Background(), span), carrier)
	return carrier
}

// What writing the spans of a run may take.
const (
	spansTimeout = time.Minute
	flushTimeout = 10 * time.Second
)

// writeSpans writes the spans of the run and its phases. It is a local activity, so that it is not repeated when the
// history is played back, and that what it needs does not pass through Temporal.
func (p *planned) writeSpans(d *driver) {
	options := workflow.LocalActivityOptions{ScheduleToCloseTimeout: spansTimeout}
	ctx := workflow.WithLocalActivityOptions(d.root, options)
	write := func(ctx context.Context) error {
		below := format.Extract(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), d.order.Caller)
		_, _ = p.plan.WriteSpans(below, d.answers.replay(), d.order.options()) // the run's own report and error
		flush, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		provider, ok := otel.GetTracerProvider().(interface {
			ForceFlush(ctx context.Context) error
		})
		if !ok {
			return nil
		}
		if err := provider.ForceFlush(flush); err != nil {
			otel.Handle(fmt.Errorf("temporal: run %q: spans may be lost: %w", d.order.RunID, err))
		}
		return nil
	}
	if err := workflow.ExecuteLocalActivity(ctx, write).Get(d.root, nil); err != nil {
		logger := workflow.GetLogger(d.root)
		logger.Warn("the spans of a run and its phases are lost", "run", d.order.RunID, "error", err)
	}
}

// end says how a run's deadline ends it.
func (d deadline) end() *engine.Stop { return &engine.Stop{Deadline: true, Cause: d.Cause} }

// notCalled is the Done of an attempt whose context ended before a worker took it.
func notCalled(task engine.Task, stop *engine.Stop) engine.Done {
	done := engine.Done{
		Phase: task.Phase, Attempt: task.Attempt, Fallback: task.Fallback,
		Status: orchestrator.AttemptError, Error: "not called: " + stop.Cause, ErrorType: "cancelled",
		Decision: engine.Decision{Reason: engine.ReasonCancelled}, Final: true, NoSpan: true,
	}
	if stop.Deadline {
		done.ErrorType, done.Decision.Reason = "timeout", engine.ReasonDeadline
	}
	return done
}

// tooLarge is the Done of an attempt whose result does not fit into the report.
func tooLarge(done engine.Done, room int) engine.Done {
	done.Status, done.ErrorType, done.Final = orchestrator.AttemptError, "too_large", false
	done.Error = fmt.Sprintf("the result is %d bytes of JSON, and the report has room for %d", len(done.Output), room)
	done.Output, done.Decision = nil, engine.Decision{Reason: engine.ReasonPermanent}
	return done
}

var errHistory = errors.New("the run's history is nearly as long as Temporal allows")
