package watch

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
)

// Report returns report as it may be written: its error texts are masked. Results stay as they are, because later
// commands read them.
func (w *Watch) Report(report orchestrator.Report) orchestrator.Report {
	report.Reason = w.mask(report.Reason)
	report.Phases = slices.Clone(report.Phases)
	for i := range report.Phases {
		p := &report.Phases[i]
		p.Error, p.Reason = w.mask(p.Error), w.mask(p.Reason)
		if p.Recovery != nil {
			recovery := *p.Recovery
			recovery.Message = w.mask(recovery.Message)
			recovery.Attempts = slices.Clone(recovery.Attempts)
			for j := range recovery.Attempts {
				recovery.Attempts[j].Error = w.mask(recovery.Attempts[j].Error)
			}
			p.Recovery = &recovery
		}
		if p.Fallback != nil {
			fallback := *p.Fallback
			fallback.Error = w.mask(fallback.Error)
			p.Fallback = &fallback
		}
	}
	return report
}

// Mask returns text as it may be written.
func (w *Watch) Mask(text string) string { return w.mask(text) }

// Err returns err as it may be printed.
func (w *Watch) Err(err error) error {
	if err == nil {
		return nil
	}
	return maskedError{err, w.mask(err.Error())}
}

type maskedError struct {
	error
	text string
}

func (e maskedError) Error() string { return e.text }
func (e maskedError) Unwrap() error { return e.error }

// maskOpen masks the texts of spans that still run. Those of the others were masked when they ended.
func maskOpen(spans []session.Span, mask func(string) string) {
	for i := range spans {
		s := &spans[i]
		if !s.End.IsZero() {
			continue
		}
		if !semconv.IsTry(s.Kind) { // "attempt 2" and its like are fixed words
			s.Name = mask(s.Name)
		}
		s.StatusText = mask(s.StatusText)
		s.Attributes = maskedAttributes(s.Attributes, mask)
		for j := range s.Events {
			s.Events[j].Attributes = maskedAttributes(s.Events[j].Attributes, mask)
		}
	}
}

func maskedAttributes(list []attribute.KeyValue, mask func(string) string) []attribute.KeyValue {
	list = slices.Clone(list)
	for i := range list {
		if v := list[i].Value; v.Type() == attribute.STRING && !semconv.IsVocabulary(list[i].Key) {
			list[i].Value = attribute.StringValue(mask(v.AsString()))
		}
	}
	return list
}
