package retrygrpc

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Retryable is the default of Options.Retryable. It says yes to Unavailable, to ResourceExhausted when the server said
// when to come back (otherwise it may be a quota that lasts for days), and to an attempt that ran into
// Policy.AttemptTimeout. It says no to everything else: Aborted, for one, asks to repeat the whole transaction.
func Retryable(err error) bool {
	f := failureIn(err)
	switch status.Code(err) {
	case codes.Unavailable:
		return true
	case codes.ResourceExhausted:
		if f != nil {
			return f.wish.asked
		}
		_, told := retryInfo(err)
		return told
	case codes.DeadlineExceeded:
		return f != nil && f.timedOut
	}
	return false
}

// Resend is the default of Options.Resend. It says yes when the method's descriptor, as generated code registers it,
// has the idempotency_level NO_SIDE_EFFECTS or IDEMPOTENT, and when the method's name begins with the word Get or List:
// by the API design rules AIP-131 and AIP-132 such methods have no side effects.
func Resend(fullMethod string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	if !ok {
		return false
	}
	return idempotent(protoreflect.FullName(service).Append(protoreflect.Name(method))) ||
		beginsWith(method, "Get") || beginsWith(method, "List")
}

func idempotent(name protoreflect.FullName) bool {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil { // the only error is that there is none
		return false
	}
	options, ok := d.Options().(*descriptorpb.MethodOptions)
	return ok && options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
}

// beginsWith reports whether a name in CamelCase begins with word: GetBook does with Get, Getaway does not.
func beginsWith(name, word string) bool {
	rest, ok := strings.CutPrefix(name, word)
	next, _ := utf8.DecodeRuneInString(rest)
	return ok && !unicode.IsLower(next)
}

// A wish is what a server says about another attempt.
type wish struct {
	asked bool          // for another attempt
	wait  time.Duration // after at least this; 0 or more
	never bool          // for no other attempt
}

// pushbackKey is the trailer of gRFC A6.
const pushbackKey = "grpc-retry-pushback-ms"

func wishOf(err error, trailer metadata.MD) wish {
	var w wish
	w.wait, w.asked = retryInfo(err)
	switch values := trailer.Get(pushbackKey); len(values) {
	case 0:
	case 1:
		ms, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil || ms < 0 {
			return wish{never: true}
		}
		w.asked = true
		w.wait = max(w.wait, time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond)))*time.Millisecond)
	default:
		return wish{never: true}
	}
	return w
}

// retryInfo returns the longest wait of the google.rpc.RetryInfo in err's status, and whether it has one.
func retryInfo(err error) (wait time.Duration, told bool) {
	s, ok := status.FromError(err)
	if !ok {
		return 0, false
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			told = true
			wait = max(wait, info.GetRetryDelay().AsDuration())
		}
	}
	return wait, told
}

// failureIn returns the failure of an attempt in err, or nil.
func failureIn(err error) *failure {
	f, _ := errors.AsType[*failure](err)
	return f
}
