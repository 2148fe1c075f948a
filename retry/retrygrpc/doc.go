// Package retrygrpc retries the calls of a gRPC client, each attempt a span.
//
//	conn, err := grpc.NewClient("dns:///orders:443", append(retrygrpc.DialOptions(retrygrpc.Options{}),
//		grpc.WithTransportCredentials(creds),
//		grpc.WithStatsHandler(otelgrpc.NewClientHandler()), // a CLIENT span below each attempt
//	)...)
//
// Put DialOptions before interceptors of your own: those then run for each attempt. An interceptor that comes before
// them, or is set with grpc.WithUnaryInterceptor, runs once for each call. The operation is called
// "pkg.Service/Method".
//
// A call is retried after Unavailable, after ResourceExhausted when the server says when to come back, and after an
// attempt that ran into Policy.AttemptTimeout; see Retryable. It is sent again only if that can do no harm: the method
// is known to be idempotent (see Resend), or no request of the attempt left this process, or the server itself asked
// for another attempt. A call that may not be sent again ends as not retryable, and its error says why.
//
// All calls to one target share a retry.Budget, which ends retry storms; Options.NoBudget leaves it out.
//
// A server asks for a wait with the trailer grpc-retry-pushback-ms or the detail google.rpc.RetryInfo; the longer one
// counts, as with retry.After. A pushback that is negative, no number, or sent twice means: no further attempt.
//
// The error of a call is a *retry.Error around the error of the last attempt: status.Code and status.FromError find its
// status with all details. When the caller's context ended during a wait, the code is Canceled or DeadlineExceeded, and
// errors.As still finds the last failure. A grpc.ClientConn that is closed during a wait ends the call at once, with
// Canceled.
//
// What is retried depends on the kind of method. Unary: the call. Server streaming: until the response's headers are
// there, with the same request; later errors are the caller's. Client and bidirectional streaming: the opening of the
// stream only, because messages that were sent are not kept. The attribute retry.until on the attempts of streams says
// it: "response headers" or "stream opened".
//
// gRPC's own retries (those of a service config) are off, so that attempts are not multiplied. gRPC still resends by
// itself, at once, what a server has provably not seen. Such resends are within one attempt and counted on its span as
// rpc.hidden_resends. From the second attempt on the server is told how many came before (grpc-previous-rpc-attempts).
package retrygrpc
