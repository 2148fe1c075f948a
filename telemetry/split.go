package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Sizes of what is sent at once, in bytes as protobuf encodes it.
const (
	mostBytes  = 7 << 19  // 3.5 MiB: gRPC receivers take 4 MiB unless told otherwise
	smallBytes = 64 << 10 // what any collector takes: when it refuses that, the size is not why
)

// mostRefusals is how many parts in a row a collector may refuse for their size. Then the rest is given up, because it
// may be a quota that was refused, which more requests would only make worse.
const mostRefusals = 12

// A delivery is one batch of the batch processor on its way to the collector, in as many parts as it takes.
type delivery struct {
	exporter *countingExporter
	taken    int   // spans that the collector took
	unsure   int   // spans that it may have taken: they were sent, and no answer came
	refusals int   // parts refused for their size since the collector last took one
	over     bool  // the rest is given up
	err      error // why spans were lost, but for those that are too large
	tooLarge error // names the first span that is too large by itself
}

// send sends spans, first those that any collector takes. So however many of the others are refused in a row, these are
// not given up with them.
func (d *delivery) send(ctx context.Context, spans []sdktrace.ReadOnlySpan) {
	var first, last sizedSpans
	for _, span := range spans {
		if size := spanSize(span); size > smallBytes {
			last.add(span, size)
		} else {
			first.add(span, size)
		}
	}
	d.sendParts(ctx, first)
	d.sendParts(ctx, last)
}

// sizedSpans are spans, and of each what spanSize says.
type sizedSpans struct {
	spans []sdktrace.ReadOnlySpan
	sizes []int
}

func (s *sizedSpans) add(span sdktrace.ReadOnlySpan, size int) {
	s.spans, s.sizes = append(s.spans, span), append(s.sizes, size)
}

func (s sizedSpans) part(begin, end int) sizedSpans {
	return sizedSpans{s.spans[begin:end], s.sizes[begin:end]}
}

// sendParts sends all in parts of mostBytes.
func (d *delivery) sendParts(ctx context.Context, all sizedSpans) {
	if len(all.spans) == 0 {
		return
	}
	common := attributesSize(all.spans[0].Resource().Attributes())
	begin, size := 0, common
	for i, n := range all.sizes {
		if i > begin && size+n > mostBytes {
			d.sendPart(ctx, all.part(begin, i), size)
			begin, size = i, common
		}
		size += n
	}
	d.sendPart(ctx, all.part(begin, len(all.spans)), size)
}

// sendPart sends a part of about size bytes, and halves it while the collector refuses it for its size.
func (d *delivery) sendPart(ctx context.Context, part sizedSpans, size int) {
	if d.over {
		return
	}
	spans := part.spans
	answer, err := d.exporter.export(ctx, spans)
	switch {
	case answer.taken:
		d.taken += max(0, len(spans)-answer.rejected)
	case err == nil:
		d.taken += len(spans)
	case answer.unsure:
		d.unsure += len(spans)
	}
	if !answer.tooLarge {
		d.refusals = 0
		if err != nil {
			d.err, d.over = err, answer.temporary // it has been tried for long enough
		}
		return
	}
	d.refusals++
	switch {
	case size <= smallBytes:
		d.over = true
		d.err = fmt.Errorf("the collector refuses %d spans of %d KiB, the first of them %.100q, as too large: %w",
			len(spans), size>>10, spans[0].Name(), err)
	case len(spans) == 1:
		if d.tooLarge == nil {
			d.tooLarge = fmt.Errorf("the span %.100q of %.1f MiB is too large for the collector: %w",
				spans[0].Name(), float64(size)/(1<<20), err)
		}
	case d.refusals >= mostRefusals:
		d.over = true
		d.err = fmt.Errorf("the collector refused %d batches in a row as too large: %w", d.refusals, err)
	default:
		half, first := halve(part.sizes, size)
		d.sendPart(ctx, part.part(0, half), first)
		d.sendPart(ctx, part.part(half, len(spans)), size-first)
	}
}

// halve returns how many of the spans of these sizes, which are size bytes together, make up about half of it, and the
// bytes of these. Both parts hold one span at least.
func halve(sizes []int, size int) (half, first int) {
	for half < len(sizes)-1 && (half == 0 || first < size/2) {
		first += sizes[half]
		half++
	}
	return half, first
}

// What a span, an attribute and so on take besides their texts, at most: tags, lengths, ids and times.
const (
	spanOverhead      = 160
	eventOverhead     = 40
	linkOverhead      = 64
	attributeOverhead = 16
	numberSize        = 12
)

// spanSize is about what span takes in OTLP, rather more than less.
func spanSize(span sdktrace.ReadOnlySpan) int {
	scope := span.InstrumentationScope() // once a batch, but many scopes may be in it
	size := spanOverhead + len(span.Name()) + len(span.Status().Description) + len(scope.Name) + len(scope.Version) +
		attributesSize(span.Attributes())
	for _, event := range span.Events() {
		size += eventOverhead + len(event.Name) + attributesSize(event.Attributes)
	}
	for _, link := range span.Links() {
		size += linkOverhead + link.SpanContext.TraceState().Len()*64 + attributesSize(link.Attributes)
	}
	return size
}

func attributesSize(list []attribute.KeyValue) (size int) {
	for _, kv := range list {
		size += attributeOverhead + len(kv.Key) + valueSize(kv.Value)
	}
	return size
}

func valueSize(v attribute.Value) (size int) {
	switch v.Type() {
	case attribute.STRING:
		return len(v.AsString())
	case attribute.STRINGSLICE:
		for _, text := range v.AsStringSlice() {
			size += numberSize + len(text)
		}
		return size
	case attribute.BOOLSLICE:
		return numberSize * len(v.AsBoolSlice())
	case attribute.INT64SLICE:
		return numberSize * len(v.AsInt64Slice())
	case attribute.FLOAT64SLICE:
		return numberSize * len(v.AsFloat64Slice())
	case attribute.BYTESLICE:
		return len(v.AsByteSlice())
	case attribute.SLICE:
		for _, inner := range v.AsSlice() {
			size += numberSize + valueSize(inner)
		}
		return size
	case attribute.MAP:
		return attributesSize(v.AsMap())
	default:
		return numberSize
	}
}
