// Package spanid gives spans ids that come from where they stand in a run, so that several processes agree on them: one
// writes the span of a phase, and others the spans of its attempts below it.
package spanid

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
)

// A Generator gives a Backspan span whose frame has a Place the ids that come from that, and every other span random
// ones. It is an sdktrace.IDGenerator.
type Generator struct{}

// NewIDs returns the ids of a span that is the first of its trace.
func (Generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if place := scope.Place(ctx); place != nil {
		return Trace(place.Run), Span(*place)
	}
	var id trace.TraceID
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // ids are no secrets; the SDK's are made so
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // ids are no secrets; the SDK's are made so
	}
	return id, random()
}

// NewSpanID returns the id of a span of a trace that exists.
func (Generator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if place := scope.Place(ctx); place != nil {
		return Span(*place)
	}
	return random()
}

func random() (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64()) //nolint:gosec // ids are no secrets; the SDK's are made so
	}
	return id
}

// Trace is the id of the trace of a run that begins one.
func Trace(run string) trace.TraceID { return trace.TraceID(hash("trace", run)) }

// Span is the id of the span at place.
func Span(place scope.SpanPlace) trace.SpanID {
	sum := hash("span", place.Run, place.Kind, place.Phase, strconv.Itoa(place.Attempt))
	return trace.SpanID(sum[:8])
}

// hash is of parts and their lengths, which keep "a"+"bc" and "ab"+"c" apart.
func hash(parts ...string) [16]byte {
	text := make([]byte, 0, 128)
	for _, part := range parts {
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(append(text, ':'), part...)
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}
