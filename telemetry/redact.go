package telemetry

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/redact"
)

// orSecrets is mask, or what masks by default.
func orSecrets(mask func(string) string) func(string) string {
	if mask == nil {
		return redact.Secrets
	}
	return mask
}

// NewExporter returns an exporter that hands spans to next with the texts of Backspan's spans masked, and all texts
// valid UTF-8. It is for programs with a TracerProvider of their own, whose exporter would send texts as they are:
//
//	sdktrace.WithBatcher(telemetry.NewExporter(exporter, nil))
//
// A nil mask is redact.Secrets. The exporter that Start makes needs no wrapping.
func NewExporter(next sdktrace.SpanExporter, mask func(string) string) sdktrace.SpanExporter {
	return &maskingExporter{next, orSecrets(mask)}
}

type maskingExporter struct {
	sdktrace.SpanExporter
	mask func(string) string
}

// ExportSpans exports spans as they may leave the process.
func (e *maskingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return e.SpanExporter.ExportSpans(ctx, presentable(spans, e.mask))
}
