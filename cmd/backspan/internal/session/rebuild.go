package session

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

// A rebuilder makes spans of events again. What the events do not say it does not make up: an operation's first attempt
// has no begin, one that succeeded at once does not exist, and an operation has no parent but the phase that it names.
type rebuilder struct {
	spans   []*rebuilt // runs, phases, tries, operations
	byID    map[trace.SpanID]*rebuilt
	runs    map[trace.TraceID]*rebuilt
	phases  map[callKey]*rebuilt // the newest of a name
	calls   map[callKey][]*rebuilt
	newest  map[callKey]*rebuilt  // the operation of a name that began last
	used    map[trace.SpanID]bool // ids of the events
	lastID  uint64
	unknown struct {
		begins, delays, missing, mixed bool
		dropped                        int
	}
}

// A rebuilt is a span in the making.
type rebuilt struct {
	Span
	tries  []*rebuilt // of an operation or phase
	number int        // of the last try
	next   time.Time  // when the next try begins; zero when none does, or it is not known
	delay  float64    // the wait before it; NaN when it is not known
	closed bool       // nothing can follow
}

// A callKey tells operations and phases apart as far as events do.
type callKey struct {
	trace       trace.TraceID
	phase, name string
}

// fromEvents makes a session of its events, whose types are those of rebuilders.
func fromEvents(list []event) *Session {
	b := &rebuilder{
		byID: map[trace.SpanID]*rebuilt{}, runs: map[trace.TraceID]*rebuilt{},
		phases: map[callKey]*rebuilt{}, calls: map[callKey][]*rebuilt{}, newest: map[callKey]*rebuilt{},
		used: map[trace.SpanID]bool{},
	}
	// Processes that write side by side may write a little out of order.
	slices.SortStableFunc(list, func(a, b event) int { return a.time.Compare(b.time) })
	for i := range list {
		b.used[list[i].span] = true
	}
	for i := range list {
		rebuilders[list[i].kind](b, &list[i])
	}
	return b.session()
}

// rebuilders are what each type of event tells; other types tell nothing of a span.
var rebuilders = map[string]func(*rebuilder, *event){
	events.TypeRunStart:      (*rebuilder).run,
	events.TypeRunEnd:        (*rebuilder).run,
	events.TypePhaseStart:    (*rebuilder).phase,
	events.TypePhaseEnd:      (*rebuilder).phase,
	events.TypePhaseFailed:   (*rebuilder).phaseTry,
	events.TypeRecovery:      (*rebuilder).phaseTry,
	events.TypeFallback:      (*rebuilder).phaseTry,
	events.TypeAttempt:       (*rebuilder).attempt,
	events.TypeRecovered:     (*rebuilder).attempt,
	events.TypeStopped:       (*rebuilder).stopped,
	events.TypeSkipped:       (*rebuilder).skipped,
	events.TypeEventsDropped: func(b *rebuilder, r *event) { b.unknown.dropped += whole(r.lost) },
}

// span begins a span; id may be zero.
func (b *rebuilder) span(r *event, kind, name string, id trace.SpanID) *rebuilt {
	for !id.IsValid() {
		b.lastID++
		binary.BigEndian.PutUint64(id[:], b.lastID)
		if b.used[id] {
			id = trace.SpanID{}
		}
	}
	s := &rebuilt{delay: math.NaN(), Span: Span{
		Kind: kind, Name: name, TraceID: r.trace, SpanID: id, Start: r.time,
		Attributes: []attribute.KeyValue{semconv.KindKey.String(kind), semconv.SessionIDKey.String(r.session)},
	}}
	if r.phase != "" {
		s.set(semconv.PhaseNameKey.String(r.phase))
	}
	b.spans = append(b.spans, s)
	b.byID[id] = s
	return s
}

// set sets attributes; later ones take the place of earlier ones.
func (s *rebuilt) set(list ...attribute.KeyValue) {
	for _, kv := range list {
		same := func(old attribute.KeyValue) bool { return old.Key == kv.Key }
		if i := slices.IndexFunc(s.Attributes, same); i >= 0 {
			s.Attributes[i] = kv
		} else {
			s.Attributes = append(s.Attributes, kv)
		}
	}
}

func (s *rebuilt) fail(text string) {
	s.Status, s.StatusText = codes.Error, text
}

// begunBy is the run or phase that a start or end is about. The line of its start may be lost; its end says how long it
// took.
func (b *rebuilder) begunBy(r *event, kind, name, endType string) *rebuilt {
	if s := b.byID[r.span]; s != nil && s.Kind == kind && trace.SpanID(r.span).IsValid() {
		return s
	}
	s := b.span(r, kind, name, r.span)
	if r.kind == endType {
		took, ok := seconds(r.took)
		s.Start, s.Unbegun = r.time.Add(-took), !ok
	}
	return s
}

func (b *rebuilder) run(r *event) {
	s := b.begunBy(r, semconv.KindRun, r.pipeline, events.TypeRunEnd)
	b.runs[r.trace] = s
	if r.kind == events.TypeRunEnd {
		s.set(semconv.RunStatusKey.String(r.result))
		s.end(r, semconv.RunReasonKey)
	}
}

func (b *rebuilder) phase(r *event) {
	at := callKey{r.trace, r.phase, ""}
	s := b.phases[at]
	if s == nil || s.SpanID != r.span {
		s = b.begunBy(r, semconv.KindPhase, r.phase, events.TypePhaseEnd)
		b.phases[at] = s
	}
	if r.kind != events.TypePhaseEnd {
		return
	}
	s.set(semconv.PhaseStatusKey.String(r.result))
	if r.recovery != "" {
		s.set(semconv.RecoveryAttemptedKey.Bool(true), semconv.RecoveryMessageKey.String(r.recovery),
			semconv.RecoverySuccessKey.Bool(r.result != semconv.StatusFailed && r.result != semconv.StatusCancelled &&
				!r.fellBack),
			semconv.RecoveryAttemptsKey.Int(r.recoveries))
	}
	if r.fellBack {
		s.set(semconv.PhaseFallbackKey.Bool(true))
	}
	s.end(r, semconv.PhaseReasonKey)
}

// end ends a run or a phase. why is the key of its reason.
func (s *rebuilt) end(r *event, why attribute.Key) {
	s.End, s.closed = r.time, true
	if r.why != "" {
		s.set(why.String(r.why))
	}
	if r.dryRun {
		s.set(semconv.RunDryRunKey.Bool(true))
	}
	if r.allowed {
		s.set(semconv.AllowedKey.Bool(true))
	}
	if r.bad || r.allowed {
		s.fail(r.failure)
	}
	if r.errorType != "" {
		s.set(semconv.ErrorTypeKey.String(r.errorType))
	}
}

// phaseTry is the first try of a phase, a recovery attempt, or the fallback.
func (b *rebuilder) phaseTry(r *event) {
	at := callKey{r.trace, r.phase, ""}
	phase := b.phases[at]
	if phase == nil {
		phase = b.span(r, semconv.KindPhase, r.phase, trace.SpanID{})
		phase.Unbegun = true
		b.phases[at] = phase
	}
	kind, n := semconv.KindAttempt, 1
	name := semconv.AttemptName(1)
	switch r.kind {
	case events.TypeRecovery:
		kind, n = semconv.KindRecovery, r.number
		name = semconv.RecoveryName(n)
	case events.TypeFallback:
		kind, n, name = semconv.KindFallback, r.number, semconv.FallbackName
	}
	try := b.span(r, kind, name, r.span)
	b.begin(phase, try, r)
	if try.Unbegun && kind == semconv.KindAttempt && !phase.Unbegun {
		try.Start = phase.Start // it did not begin before
	}
	b.endTry(phase, try, r, n)
}

// attempt is one attempt of an operation.
func (b *rebuilder) attempt(r *event) {
	name, n := r.operation, r.number
	op := b.call(r, name, n)
	if op == nil {
		op = b.operation(r, name, trace.SpanID{})
		b.unknown.missing = b.unknown.missing || n > 1
	}
	op.around(r)
	try := b.span(r, semconv.KindAttempt, semconv.AttemptName(n), r.span)
	try.set(semconv.OperationKey.String(name))
	b.begin(op, try, r)
	if n == 1 {
		op.Start, op.Unbegun = try.Start, try.Unbegun
	}
	b.endTry(op, try, r, n)
	if r.result != semconv.ResultRetrying {
		op.End, op.closed = r.time, true
	}
	switch {
	case r.kind == events.TypeRecovered:
		op.set(semconv.OutcomeKey.String(semconv.OutcomeRecovered))
	case op.closed:
		op.fail(try.StatusText)
		if outcome := r.ending(); outcome != "" {
			op.set(semconv.OutcomeKey.String(outcome))
		}
		op.set(semconv.ErrorTypeKey.String(r.errorType))
		if r.allowed {
			op.set(semconv.AllowedKey.Bool(true))
		}
	}
}

// around notes the limit and the nesting of an operation, which its failed attempts say.
func (s *rebuilt) around(r *event) {
	if _, known := s.Number(semconv.MaxRetriesKey); known || math.IsNaN(r.retries) {
		return
	}
	s.set(semconv.MaxRetriesKey.Int(int(r.retries)))
	if r.elapsed > 0 {
		s.set(semconv.MaxElapsedKey.Float64(r.elapsed))
	}
	if r.depth > 0 {
		s.set(semconv.DepthKey.Int(whole(r.depth)))
	}
	if r.parent != "" {
		s.set(semconv.ParentOpKey.String(r.parent))
	}
}

// skipped is an operation that had nothing to do, as its only attempt found, or the last one of several.
func (b *rebuilder) skipped(r *event) {
	op := b.newest[callKey{r.trace, r.phase, r.operation}]
	if op == nil || r.number < 2 || op.number != r.number {
		op = b.operation(r, r.operation, r.span)
		took, ok := seconds(r.took)
		op.Start, op.Unbegun, op.number = r.time.Add(-took), !ok, r.number
		op.set(semconv.OutcomeKey.String(semconv.OutcomeSuccess))
	}
	op.End, op.closed = r.time, true
	op.set(semconv.SkippedKey.String(r.why))
}

// stopped is an operation that ended after its last attempt had: during a wait, or by a panic.
func (b *rebuilder) stopped(r *event) {
	name, n := r.operation, r.number
	op := b.closed(r, n)
	if op == nil {
		op = b.call(r, name, n+1)
	}
	if op == nil {
		op = b.operation(r, name, r.span)
		op.number = n
		// A first attempt that succeeded has no event of its own.
		b.unknown.missing = b.unknown.missing || n > 1 || r.result != semconv.ResultSuccess
	}
	op.End, op.closed = r.time, true
	op.fail(r.failure)
	op.set(semconv.OutcomeKey.String(cmp.Or(r.outcome, r.result)), semconv.ErrorTypeKey.String(r.errorType))
}

// closed is the operation whose last attempt, number n, seemed to be its end until r told of a panic after that; nil
// when there is none.
func (b *rebuilder) closed(r *event, n int) *rebuilt {
	if r.result != semconv.ResultFailed && r.result != semconv.ResultSuccess {
		return nil
	}
	for _, op := range slices.Backward(b.calls[callKey{r.trace, r.phase, r.operation}]) {
		if op.closed && op.number == n {
			return op
		}
	}
	return nil
}

func (b *rebuilder) operation(r *event, name string, id trace.SpanID) *rebuilt {
	op := b.span(r, semconv.KindOperation, name, id)
	op.Unbegun = true
	op.set(semconv.OperationKey.String(name))
	at := callKey{r.trace, r.phase, name}
	b.calls[at] = append(b.calls[at], op)
	b.newest[at] = op
	return op
}

// call finds the operation whose attempt n r tells of: one of the name that has made n-1 attempts, and whose wait was
// over. Of several the one whose wait was as long as r says, else the one that waited first.
func (b *rebuilder) call(r *event, name string, n int) *rebuilt {
	at := callKey{r.trace, r.phase, name}
	b.calls[at] = slices.DeleteFunc(b.calls[at], func(op *rebuilt) bool { return op.closed })
	var found []*rebuilt
	for _, op := range b.calls[at] {
		const slack = time.Millisecond // clocks of two processes, rounded times
		if op.number == n-1 && !op.next.After(r.time.Add(slack)) || r.kind == events.TypeStopped && op.number == n-1 {
			found = append(found, op)
		}
	}
	b.unknown.mixed = b.unknown.mixed || len(found) > 1
	for _, op := range found {
		if math.Abs(op.delay-r.delay) < 1e-6 {
			return op
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// begin says when try, the next of what it is of, began. When r does not say how long it took, its beginning is known
// only to lie after the wait before it.
func (b *rebuilder) begin(of, try *rebuilt, r *event) {
	took, ok := seconds(r.took)
	switch {
	case ok:
		try.Start = r.time.Add(-took)
		return
	case of.next.Before(r.time) && !of.next.IsZero():
		try.Start = of.next
	}
	try.Unbegun, b.unknown.begins = true, true
}

// endTry ends one try, and says what follows.
func (b *rebuilder) endTry(of, try *rebuilt, r *event, n int) {
	try.ParentID = of.SpanID
	try.End = r.time
	result := r.result
	try.set(semconv.AttemptKey.Int(n), semconv.ResultKey.String(result))
	if r.delay >= 0 {
		try.set(semconv.DelayKey.Float64(r.delay))
	}
	if r.command != "" {
		try.set(semconv.ProcessCommandKey.String(r.command))
	}
	if result != semconv.ResultSuccess {
		try.fail(r.failure)
		if r.errorType != "" {
			try.set(semconv.ErrorTypeKey.String(r.errorType))
		}
	}
	of.tries, of.number = append(of.tries, try), n
	of.next, of.delay = time.Time{}, math.NaN()
	if result != semconv.ResultRetrying {
		return
	}
	wait, ok := seconds(r.next)
	if !ok {
		b.unknown.delays = true
		return
	}
	try.set(semconv.NextDelayKey.Float64(wait.Seconds()))
	of.next, of.delay = r.time.Add(wait), wait.Seconds()
}

// session finds the parents and says what is not known.
func (b *rebuilder) session() *Session {
	spans := make([]Span, 0, len(b.spans))
	tries := map[callKey][]*rebuilt{} // of each operation
	for _, r := range b.spans {
		if name := r.Text(semconv.OperationKey); r.Kind == semconv.KindAttempt && name != "" {
			at := callKey{r.TraceID, r.Text(semconv.PhaseNameKey), name}
			tries[at] = append(tries[at], r)
		}
	}
	for _, r := range b.spans {
		switch {
		case r.ParentID.IsValid():
		case r.Kind == semconv.KindPhase:
			r.ParentID = idOf(b.runs[r.TraceID])
		case r.Kind == semconv.KindOperation:
			r.set(semconv.AttemptsKey.Int(r.number))
			r.ParentID = idOf(b.callerOf(r, tries))
		}
		spans = append(spans, r.Span)
	}
	s := New(spans)
	s.Partial, s.Notes = true, b.notes()
	return s
}

func idOf(s *rebuilt) trace.SpanID {
	if s == nil {
		return trace.SpanID{}
	}
	return s.SpanID
}

// callerOf is the attempt of the operation around an operation, else the try of the phase that it ran in, else the
// phase, else the run.
func (b *rebuilder) callerOf(op *rebuilt, tries map[callKey][]*rebuilt) *rebuilt {
	name := op.Text(semconv.PhaseNameKey)
	if outer := op.Text(semconv.ParentOpKey); outer != "" {
		if try := op.outerTry(tries[callKey{op.TraceID, name, outer}]); try != nil {
			return try
		}
	}
	phase := b.phases[callKey{op.TraceID, name, ""}]
	if name == "" || phase == nil {
		return b.runs[op.TraceID]
	}
	from := phase.Start
	for _, try := range phase.tries {
		if !try.Unbegun {
			from = try.Start
		}
		if !op.Start.Before(from.Add(-rounding)) && !op.Start.After(try.End) {
			return try
		}
		from = try.End // a try whose beginning is not known begins after the one before
	}
	return phase
}

// rounding is how far a beginning may be off: times and durations are written in microseconds.
const rounding = 2 * time.Microsecond

// outerTry is the one of tries that op ran in: the innermost of those that lasted from before it to after it. It is nil
// when there is none, or when two of them ran side by side.
func (op *rebuilt) outerTry(tries []*rebuilt) (inner *rebuilt) {
	end := op.End
	for _, try := range op.tries {
		end = try.End // of the last one, when the end of op is not recorded
	}
	within := func(from, to time.Time, outer *rebuilt) bool {
		return !outer.Unbegun && !from.Before(outer.Start.Add(-rounding)) && !to.After(outer.End)
	}
	for _, try := range tries {
		switch {
		case try.ParentID == op.SpanID || !within(op.Start, end, try):
		case inner == nil || within(try.Start, try.End, inner):
			inner = try
		case !within(inner.Start, inner.End, try):
			return nil
		}
	}
	return inner
}

func (b *rebuilder) notes() []string {
	notes := []string{"This is read from an events file, which holds less than a trace: operations that " +
		"succeeded at their first attempt are not in it, nor always which operation called which."}
	if b.unknown.begins {
		notes = append(notes, "Attempts are known by their ends: when they began, and so how long they took, is not "+
			"recorded. Waits are as long as they were planned.")
	}
	if b.unknown.delays {
		notes = append(notes,
			"Some events do not say how long was waited, so that their waits cannot be told from the attempts.")
	}
	if b.unknown.missing {
		notes = append(notes, "The first attempts of some operations are missing.")
	}
	if b.unknown.mixed {
		notes = append(notes, "Operations of one name ran side by side; their attempts may be mixed up.")
	}
	if n := b.unknown.dropped; n > 0 {
		notes = append(notes, text.Plural(n, "event was", "events were")+" lost, because they could not be written.")
	}
	return notes
}
