package doctor

import (
	"context"
	"net/http"
	"time"

	"github.com/backspan/backspan/internal/otelenv"
)

// clockTolerance is how much two clocks may differ. Jaeger searches spans by their times, back from the clock of the
// browser.
const clockTolerance = time.Minute

// compareClock keeps the time in an HTTP response's Date header, which has whole seconds.
func (e *exam) compareClock(date string, before time.Time, whose string) {
	then, err := http.ParseTime(date)
	if err != nil {
		return // no Date
	}
	after := e.now()
	e.remote, e.whose = then, whose
	switch {
	case then.Add(time.Second).Before(before):
		e.skew = before.Sub(then.Add(time.Second)) // ours is ahead
	case then.After(after):
		e.skew = -then.Sub(after)
	default:
		e.skew = 0
	}
}

// clock compares this machine's clock with the collector's or Jaeger's, and with the last event.
func (e *exam) clock(ctx context.Context) {
	if e.remote.IsZero() {
		e.askCollector(ctx)
	}
	now := e.now()
	stamp := now.UTC().Format("2006-01-02 15:04:05 UTC")
	switch {
	case !e.remote.IsZero() && (e.skew > clockTolerance || e.skew < -clockTolerance):
		e.found("clock", Problem, "set it (timedatectl set-ntp true); in Jaeger, search a wider time range",
			"%s, which is %s %s clock", stamp, aheadOf(e.skew), e.whose)
	case e.lastEvent.Sub(now) > clockTolerance:
		e.found("clock", Problem, "was it set back? set it (timedatectl set-ntp true)",
			"%s, and the last event was written %s later than that", stamp, e.lastEvent.Sub(now).Round(time.Second))
	case e.remote.IsZero():
		e.found("clock", OK, "", "%s; there is no other clock to compare it with", stamp)
	default:
		e.found("clock", OK, "", "%s, as %s clock", stamp, e.whose)
	}
}

func aheadOf(skew time.Duration) string {
	if skew < 0 {
		return (-skew).Round(time.Second).String() + " behind"
	}
	return skew.Round(time.Second).String() + " ahead of"
}

// askCollector asks a collector that speaks HTTP for its clock. gRPC responses have no Date.
func (e *exam) askCollector(ctx context.Context) {
	d := e.seen
	if e.report.TraceID == "" || d.Target.Protocol == otelenv.GRPC || d.Target.Network != "tcp" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	before := e.now()
	if reply, err := ask(ctx, d.Certificates, d.Endpoint.Value); err == nil { // whatever the answer is
		e.compareClock(reply.date, before, "the collector's")
	}
}
