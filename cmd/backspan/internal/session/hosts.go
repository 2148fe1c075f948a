package session

import (
	"cmp"

	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

// hostsOf are the operations and phases that are not among spans, those of known, while tries of theirs are. A span is
// written when it ends: of what a process was doing when it was killed, only the tries that had ended are known.
func hostsOf(spans []Span, known map[Key]*Node) (hosts []Span) {
	index := map[Key]int{} // of hosts
	for i := range spans {
		try := &spans[i]
		key := Key{try.TraceID, try.ParentID}
		if !try.IsTry() || !try.ParentID.IsValid() || known[key] != nil {
			continue
		}
		at, found := index[key]
		if !found {
			host, named := hostOf(try)
			if !named {
				continue
			}
			at = len(hosts)
			index[key], hosts = at, append(hosts, host)
		}
		hosts[at].tried(try)
	}
	return hosts
}

// hostOf is the operation or phase of a try, as far as the try says; named is false when it does not name one.
func hostOf(try *Span) (host Span, named bool) {
	host = Span{
		Kind: semconv.KindOperation, TraceID: try.TraceID, SpanID: try.ParentID, Start: try.Start, Unbegun: true,
	}
	operation, phase := try.Text(semconv.OperationKey), try.Text(semconv.PhaseNameKey)
	if operation == "" {
		host.Kind = semconv.KindPhase
	}
	host.Name = cmp.Or(operation, phase)
	host.Attributes = append(host.Attributes, semconv.KindKey.String(host.Kind))
	for _, kv := range try.Attributes {
		switch kv.Key {
		case semconv.SessionIDKey, semconv.OperationKey, semconv.PhaseNameKey, semconv.MaxRetriesKey,
			semconv.MaxElapsedKey, semconv.DepthKey:
			host.Attributes = append(host.Attributes, kv)
		}
	}
	return host, host.Name != ""
}

// tried notes what a try says of its host: when it began, and how it ended.
func (host *Span) tried(try *Span) {
	if number, _ := try.Number(semconv.AttemptKey); number == 1 && try.Kind == semconv.KindAttempt {
		host.Start, host.Unbegun = try.Start, try.Unbegun
	}
	outcome := try.Outcome()
	if host.Kind == semconv.KindPhase || outcome == Retried || outcome == Unended {
		return // another try may have followed
	}
	host.End = try.End
	if try.Failed() {
		host.Status, host.StatusText = codes.Error, try.StatusText
	}
	if said := try.Text(semconv.OutcomeKey); said != "" {
		host.Attributes = append(host.Attributes, semconv.OutcomeKey.String(said))
	}
}
