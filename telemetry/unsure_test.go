package telemetry

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/backspan/backspan/internal/otelenv"
)

// answering is a collector that takes what is sent and answers so.
func answering(answer func() (int, error)) *collector {
	return &collector{answer: func(int) (*coltracepb.ExportTraceServiceResponse, int, error) {
		status, err := answer()
		return &coltracepb.ExportTraceServiceResponse{}, status, err
	}}
}

// hangingUp reads a request and closes the connection, after it has written say.
func hangingUp(t *testing.T, say string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, say)
		_ = conn.Close()
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// Spans that were sent and not answered may have arrived. All others are known to be lost.
func TestWhatMayHaveArrivedIsNotCalledLost(t *testing.T) {
	release := make(chan struct{})
	silent := func() (int, error) {
		<-release
		return http.StatusOK, nil
	}
	says := func(status int, code codes.Code) func() (int, error) {
		return func() (int, error) {
			if code != codes.OK {
				return 0, grpcstatus.Error(code, "not now")
			}
			return status, nil
		}
	}
	serveGRPC := func(answer func() (int, error)) string {
		listener := listen(t, "tcp", "127.0.0.1:0")
		grpcCollector(t, answering(answer), listener)
		return listener.Addr().String()
	}
	serveHTTP := func(answer func() (int, error)) string { return httpCollector(t, answering(answer)) }
	const half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
	const missing, lost = "3 spans may be missing at http://", "3 spans were not exported to http://"
	for _, c := range []struct{ name, protocol, address, want, why string }{
		{"never answered, gRPC", otelenv.GRPC, serveGRPC(silent), missing, "no answer in time"},
		{"never answered, HTTP", otelenv.HTTPProtobuf, serveHTTP(silent), missing, "no answer in time"},
		{"nothing but a port, HTTP", otelenv.HTTPProtobuf, blackhole(t), missing, "no answer in time"},
		{"hung up", otelenv.HTTPProtobuf, hangingUp(t, ""), missing, "EOF"},
		{"a gateway heard nothing", otelenv.HTTPProtobuf, serveHTTP(says(504, codes.OK)), missing, "not now"},
		{"half an answer", otelenv.HTTPProtobuf, hangingUp(t, half), missing, "EOF"},
		{"nothing but a port, gRPC", otelenv.GRPC, blackhole(t), lost, "no answer in time"},
		{"nobody there, gRPC", otelenv.GRPC, closedPort(t), lost, "connection refused"},
		{"nobody there, HTTP", otelenv.HTTPProtobuf, closedPort(t), lost, "connection refused"},
		{"refused, gRPC", otelenv.GRPC, serveGRPC(says(0, codes.PermissionDenied)), lost, "not now"},
		{"not now, gRPC", otelenv.GRPC, serveGRPC(says(0, codes.Unavailable)), lost, "not now"},
		{"refused, HTTP", otelenv.HTTPProtobuf, serveHTTP(says(403, codes.OK)), lost, "403"},
		{"no HTTP", otelenv.HTTPProtobuf, hangingUp(t, "220 mail ESMTP\r\n"), lost, "malformed HTTP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			failure := failureOf(t, c.protocol, c.address)
			// An attempt that is under way when the time ends may have arrived, whatever those before it were told.
			for tries := 0; c.want == lost && failure.Unsure > 0 && strings.Contains(failure.Error(), c.why) &&
				tries < 5; tries++ {
				failure = failureOf(t, c.protocol, c.address)
			}
			text := failure.Error()
			if !strings.HasPrefix(text, c.want) || strings.Count(text, c.why) != 1 ||
				!strings.HasPrefix(text, failure.Loss()+": ") {
				t.Errorf("%q, want %s…, and %q once", text, c.want, c.why)
			}
			if sure := c.want == lost; sure != (failure.Unsure == 0) || !sure && failure.Unsure != spansOfOperation {
				t.Errorf("%d of them unsure", failure.Unsure)
			}
		})
	}
	t.Cleanup(func() { close(release) })
}

// failureOf is what Shutdown says of an operation whose spans went there.
func failureOf(t *testing.T, protocol, address string) *ExportError {
	t.Helper()
	cfg := quiet(t)
	cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, address, protocol
	tel := run(t, cfg)
	operation(t.Context(), tel.TracerProvider(), "data_load")
	err, _ := shutdownWithin(t, tel)
	failure, ok := errors.AsType[*ExportError](err)
	if !ok || failure.NotExported != spansOfOperation {
		t.Fatalf("error %v, want an ExportError of %d spans", err, spansOfOperation)
	}
	return failure
}

func TestTheWordsOfALoss(t *testing.T) {
	for _, c := range []struct {
		all, unsure int
		want        string
	}{
		{1, 0, "1 span was not exported to x"},
		{1, 1, "1 span may be missing at x"},
		{5, 2, "3 spans were not exported to x, and 2 more may be missing there"},
		{3, 2, "1 span was not exported to x, and 2 more may be missing there"},
	} {
		if got := (&ExportError{NotExported: c.all, Unsure: c.unsure, Endpoint: "x"}).Loss(); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.unsure, c.all, got, c.want)
		}
	}
}
