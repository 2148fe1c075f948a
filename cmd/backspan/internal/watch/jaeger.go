package watch

import (
	"context"
	"net"
	"net/url"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// jaegerImage is the Jaeger that docker-compose.yml starts; a test holds the two together.
const jaegerImage = "jaegertracing/jaeger:2.20.0" +
	"@sha256:46a886260e04002d8f45e213fc39063fa11a50446048fdaa64786fc0840cb9f8"

// jaegerUIPort is where Jaeger's query service has its pages.
const jaegerUIPort = "16686"

// jaeger says where this very trace can be seen, or why it cannot and what to do about it.
func (w *Watch) jaeger() string {
	switch d := w.telemetry.Destination(); {
	case d.State == telemetry.ExportNotFound:
		return "nothing listens at " + d.Endpoint + "; to start a Jaeger there: " +
			"docker run -d -p 127.0.0.1:4317:4317 -p 127.0.0.1:" + jaegerUIPort + ":" + jaegerUIPort + " " + jaegerImage
	case d.State != telemetry.ExportOn:
		return d.String()
	case d.Protocol == otelenv.ExporterConsole:
		return ""
	case w.telemetry.Exported() == 0 && w.lost == nil:
		return "nothing of this trace is exported: it was not sampled"
	case w.telemetry.Exported() == 0:
		return "" // the error says what happened
	default:
		return w.traceAddress(d.Endpoint)
	}
}

// traceAddress is the trace's page. Which backend is behind a collector nobody can tell, so it is only an address
// when something listens where Jaeger would, or when BACKSPAN_JAEGER_URL says where it is.
func (w *Watch) traceAddress(endpoint string) string {
	spans := w.recorder.Spans()
	if len(spans) == 0 {
		return ""
	}
	trace := spans[0].TraceID.String()
	if base := settings.JaegerURL(); base != "" {
		return settings.PublicURL(base) + "/trace/" + trace
	}
	if u, err := url.Parse(endpoint); err == nil && listens(net.JoinHostPort(u.Hostname(), jaegerUIPort)) {
		return "http://" + net.JoinHostPort(u.Hostname(), jaegerUIPort) + "/trace/" + trace
	}
	return "trace " + trace + " was taken by " + endpoint
}

func listens(address string) bool {
	dialer := net.Dialer{Timeout: 200 * time.Millisecond}
	conn, err := dialer.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was said
	return true
}
