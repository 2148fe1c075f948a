package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A reply is what the collector answered to one export. The SDK's exporters do not return it: their error does not say
// whether the collector refused 3 of 512 spans or all of them.
type reply struct {
	again bool // the same spans were sent before

	taken    bool // the collector took the batch, or a part of it
	rejected int  // how many spans of the batch the collector refused
	unsure   bool // the batch was sent, and whether it was taken is not known

	tooLarge    bool          // it refused the batch for its size
	temporary   bool          // the same batch may be taken later
	unreachable bool          // nobody answered
	after       time.Duration // how long the collector wants to be left alone first
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
	r := replyFrom(ctx)
	if r.again && conn.GetState() == connectivity.TransientFailure {
		conn.ResetConnectBackoff() // or gRPC would not connect again for a second and more
	}
	var to peer.Peer
	var header, trailer metadata.MD
	err := invoke(ctx, method, request, response, conn,
		append(options[:len(options):len(options)], grpc.Peer(&to), grpc.Header(&header), grpc.Trailer(&trailer))...)
	if err == nil {
		if export, ok := response.(*coltracepb.ExportTraceServiceResponse); ok {
			r.note(export)
		}
		return nil
	}
	// There is a peer once the call has a connection, and a header or a trailer when the status is the collector's.
	r.unsure = to.Addr != nil && len(header)+len(trailer) == 0
	s := status.Convert(err)
	wantsRetry := false
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			wantsRetry, r.after = true, info.GetRetryDelay().AsDuration()
		}
	}
	switch s.Code() {
	case codes.ResourceExhausted: // a quota or a size: OTLP's servers give a hint when it is the first
		r.temporary, r.tooLarge = wantsRetry, !wantsRetry
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		r.temporary = ctx.Err() == nil
		r.unreachable = s.Code() == codes.Unavailable && conn.GetState() != connectivity.Ready
	default:
	}
	return err
}

// replyNoter is the http.RoundTripper of OTLP over HTTP.
type replyNoter struct{ next http.RoundTripper }

const maxNotedReply = 64 << 10

func (t replyNoter) RoundTrip(request *http.Request) (*http.Response, error) {
	r := replyFrom(request.Context())
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	response, err := t.next.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err != nil {
		r.unreachable = isConnectionError(err)
		r.unsure = connected.Load() && (r.unreachable || request.Context().Err() != nil)
		r.temporary = r.unreachable && request.Context().Err() == nil
		return response, err
	}
	switch response.StatusCode {
	case http.StatusRequestEntityTooLarge:
		r.tooLarge = true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r.temporary, r.after = true, retryAfter(response.Header)
		// A gateway that heard nothing from the collector does not know what it did.
		r.unsure = response.StatusCode == http.StatusBadGateway || response.StatusCode == http.StatusGatewayTimeout
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return response, nil
	}
	head, broken := io.ReadAll(io.LimitReader(response.Body, maxNotedReply))
	if r.unsure = broken != nil; !r.unsure {
		r.note(parseReply(response.Header.Get("Content-Type"), head))
	}
	// The exporter reads the same body again, with the same error if there was one.
	rest := response.Body
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), rest}
	return response, nil
}

// isConnectionError says whether err is one of the connection, which another one may not have, and not of a
// certificate.
func isConnectionError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// retryAfter is how long a Retry-After header says to wait; 0 when it says nothing.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*60*60)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
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
