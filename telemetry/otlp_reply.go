package telemetry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A reply is what the collector answered to one export. The SDK's exporters do not return it: their error does not say
// whether the collector refused 3 of 512 spans or all of them.
type reply struct {
	last     bool // Shutdown waits for this export
	taken    bool // the collector took the batch, or a part of it
	rejected int  // how many spans of the batch the collector refused
}

type replyKey struct{}

func withReply(ctx context.Context, r *reply) context.Context {
	return context.WithValue(ctx, replyKey{}, r)
}

func replyFrom(ctx context.Context) *reply {
	if r, ok := ctx.Value(replyKey{}).(*reply); ok {
		return r
	}
	return &reply{}
}

func (r *reply) note(response *coltracepb.ExportTraceServiceResponse) {
	r.taken = true
	r.rejected = int(max(0, response.GetPartialSuccess().GetRejectedSpans()))
}

// noteGRPCReply is a grpc.UnaryClientInterceptor.
func noteGRPCReply(ctx context.Context, method string, request, response any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, response, conn, options...)
	r := replyFrom(ctx)
	if err == nil {
		if export, ok := response.(*coltracepb.ExportTraceServiceResponse); ok {
			r.note(export)
		}
		return nil
	}
	if r.last && conn.GetState() == connectivity.TransientFailure {
		return unreachableError{status.Convert(err).Message()}
	}
	return err
}

// unreachableError has no gRPC status, so that the exporter does not try again. gRPC does not connect again for a
// second, and Shutdown would wait all that time for a collector that does not run.
type unreachableError struct{ text string }

func (e unreachableError) Error() string { return e.text }

// replyNoter is the http.RoundTripper of OTLP over HTTP.
type replyNoter struct{ next http.RoundTripper }

const maxNotedReply = 64 << 10

func (t replyNoter) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil || response.StatusCode < 200 || response.StatusCode > 299 {
		return response, err
	}
	head, broken := io.ReadAll(io.LimitReader(response.Body, maxNotedReply))
	if broken == nil {
		replyFrom(request.Context()).note(parseReply(response.Header.Get("Content-Type"), head))
	}
	// The exporter reads the same body again, with the same error if there was one.
	rest := response.Body
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), rest}
	return response, nil
}

func parseReply(contentType string, body []byte) *coltracepb.ExportTraceServiceResponse {
	answer := new(coltracepb.ExportTraceServiceResponse)
	var err error
	if strings.HasPrefix(contentType, "application/json") {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, answer)
	} else {
		err = proto.Unmarshal(body, answer)
	}
	if err != nil {
		answer.Reset() // not an answer of OTLP; the status says that the spans were taken
	}
	return answer
}
