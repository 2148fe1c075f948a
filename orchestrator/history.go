package orchestrator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// WriteSpans writes the spans of a run and of its phases after it has ended, with the times of its history. It is for
// engines whose runs outlive a process: spans that are started in one process cannot be ended in another.
//
// history is a Driver that plays the run back: its Next returns what happened, its Now when, and it starts neither
// attempts nor timers. opts are those of the run. The run's span is a child of the span in ctx. An attempt whose Done
// has NoSpan gets its span too. For the spans of attempts to be below those of their phases, the provider needs an
// engine.IDGenerator, and the attempts engine.PhaseSpan as their parent.
//
// The report and the error are those of Drive. Nothing is written when history fails, because the run has not ended
// then.
func (p *Plan) WriteSpans(
	ctx context.Context, history engine.Driver[PhaseResult], opts Options,
) (Report, error) {
	if ctx == nil {
		return Report{}, &FieldError{Field: "ctx", Value: "nil", Want: "a context"}
	}
	w := &spanWriter{Driver: history, plan: p, open: map[string]*openPhase{}}
	w.spans.derived = true
	began := history.Now()
	report, err := p.Drive(w, opts)
	if report.Status == "" {
		return report, err
	}
	w.spans.startRun(ctx, p.pipeline.Name, opts, began)
	for _, write := range w.writes {
		write()
	}
	w.spans.endRun(report, err, history.Now())
	return report, err
}

// A spanWriter is a Driver that notes what spans are to be written about what it is told.
type spanWriter struct {
	engine.Driver[PhaseResult]

	plan   *Plan
	spans  runSpans
	open   map[string]*openPhase // those that have begun and not ended
	writes []func()
}

// An openPhase is a phase that has begun.
type openPhase struct {
	task  engine.Task // the attempt under way
	since time.Time

	// Set by the writes.
	ctx  context.Context //nolint:containedctx // of the phase's span
	span phaseSpan
}

// later notes a write, which gets the time that it is now.
func (w *spanWriter) later(write func(at time.Time)) {
	at := w.Now()
	w.writes = append(w.writes, func() { write(at) })
}

func (w *spanWriter) BeginPhase(name string) {
	w.Driver.BeginPhase(name)
	phase := &openPhase{}
	w.open[name] = phase
	w.later(func(at time.Time) { phase.ctx, phase.span = w.spans.startPhase(name, at) })
}

func (w *spanWriter) StartAttempt(task engine.Task) {
	w.Driver.StartAttempt(task)
	phase := w.open[task.Phase]
	phase.task, phase.since = task, w.Now()
}

func (w *spanWriter) Next() (engine.Completion, error) {
	c, err := w.Driver.Next()
	if err == nil && c.Done != nil && c.Done.NoSpan {
		w.try(c.Done)
	}
	return c, err
}

// try writes the span of an attempt that nobody wrote it of.
func (w *spanWriter) try(d *engine.Done) {
	phase := w.open[d.Phase]
	if phase == nil { // the loop refuses it
		return
	}
	task, since := phase.task, phase.since
	w.later(func(at time.Time) {
		a := w.plan.newAttempt(phase.ctx, task, engine.Limits{})
		a.derived = true
		a.startSpan(phase.ctx, since)
		a.endSpan(d, nil, at)
	})
}

func (w *spanWriter) StartTimer(wait engine.Wait) {
	w.Driver.StartTimer(wait)
	phase := w.open[wait.Phase]
	w.later(func(at time.Time) { phase.span.scheduled(wait, at) })
}

func (w *spanWriter) EndPhase(result PhaseResult, failure *retry.Error) {
	w.Driver.EndPhase(result, failure)
	phase := w.open[result.Phase]
	if phase == nil { // it never began
		phase = &openPhase{}
	}
	delete(w.open, result.Phase)
	w.later(func(at time.Time) { w.spans.endPhase(phase.span, result, failure, at) })
}

// Outline is what of the plan can be written down: all but its functions.
func (p *Plan) Outline() engine.Outline {
	o := engine.Outline{Pipeline: p.pipeline.Name, Phases: make([]engine.PhaseOutline, len(p.pipeline.Phases))}
	for i, f := range p.pipeline.Phases {
		policy := p.policies[i]
		o.Phases[i] = engine.PhaseOutline{
			Name: f.Name, Needs: p.names(p.needs[i]), Reads: p.names(p.reads[i]), Uses: p.names(p.uses[i]),
			If: f.If.String(), IfBegan: f.IfBegan, AllowFailure: f.AllowFailure,
			DryRun: f.DryRun != nil, Fallback: f.Fallback != nil,
			Recovery: policy.String(), Timeout: f.Timeout,
		}
	}
	return o
}

// Fingerprint is a short text that differs between plans of which one cannot play back a history of the other: when
// their name differs, or the phases' names, order, Needs, Uses, If, IfBegan or AllowFailure, or which of them have a
// DryRun or a Fallback.
// Policies, timeouts and the functions themselves may change, because what came of them is in the history; but a
// MaxRetries below the retries that are in it does not fit. Options are not in it.
func (p *Plan) Fingerprint() string {
	outline := p.Outline()
	for i := range outline.Phases {
		outline.Phases[i].Recovery, outline.Phases[i].Timeout = "", 0
	}
	text, err := json.Marshal(outline)
	if err != nil {
		panic(err) // unreachable: texts, numbers and booleans
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
