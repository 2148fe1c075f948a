package retrygrpc

import (
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A failure is the error of one attempt, with what was decided about another one.
type failure struct {
	err      error // gRPC's
	wish     wish  // the server's
	timedOut bool  // it ran into Policy.AttemptTimeout
	again    bool  // another attempt may be made
	why      string
}

func (f *failure) Error() string {
	if f.why == "" {
		return f.err.Error()
	}
	return f.err.Error() + " (" + f.why + ")"
}

func (f *failure) Unwrap() error { return f.err }

// ErrorType is what error.type says of it: the code as the semantic conventions spell it, such as UNAVAILABLE.
func (f *failure) ErrorType() string { return code.Code(status.Code(f.err)).String() }

// A statusError gives err another code.
type statusError struct {
	err  error
	code codes.Code
}

func (e *statusError) Error() string              { return e.err.Error() }
func (e *statusError) Unwrap() error              { return e.err }
func (e *statusError) GRPCStatus() *status.Status { return status.New(e.code, e.err.Error()) }
