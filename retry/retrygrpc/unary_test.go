package retrygrpc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestCodes(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			s := serve(t, failing(9, status.Error(code, "no")))
			ctx, rec := retrytest.Record(t, t.Context())
			_, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: quick()}), "GetThing", "x")
			attempts, reason, outcome := 1, retry.ErrNotRetryable, "not_retryable"
			if code == codes.Unavailable {
				attempts, reason, outcome = 3, retry.ErrExhausted, "exhausted"
			}
			if got := len(s.got()); got != attempts {
				t.Errorf("the server got %d requests, want %d", got, attempts)
			}
			if status.Code(err) != code {
				t.Errorf("code %v, want %v", status.Code(err), code)
			}
			if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != reason || e.Attempts != attempts {
				t.Errorf("error %#v, want the reason %v after %d attempts", err, reason, attempts)
			}
			if got := rec.Outcomes("backspan.test.Things/GetThing"); !slices.Equal(got, []string{outcome}) {
				t.Errorf("outcomes %q, want %q", got, outcome)
			}
		})
	}
}

func TestRecovers(t *testing.T) {
	s := serve(t, failing(2, unavailable))
	ctx, rec := retrytest.Record(t, t.Context())
	reply, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: quick()}), "GetThing", "x")
	if err != nil || reply != "answer to x" {
		t.Errorf("reply %q, error %v", reply, err)
	}
	want := `backspan.test.Things/GetThing: recovered after 3 attempts
  attempt 1: retrying in 1ms: rpc error: code = Unavailable desc = back soon
  attempt 2: retrying in 2ms: rpc error: code = Unavailable desc = back soon
  attempt 3: success
`
	if got := rec.Tree(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, span := range rec.Spans() {
		isAttempt := strings.HasPrefix(span.Name(), "attempt ")
		for _, a := range span.Attributes() {
			switch {
			case a.Key == "error.type" && a.Value.AsString() != "UNAVAILABLE":
				t.Errorf("%s: error.type %q, want UNAVAILABLE", span.Name(), a.Value.AsString())
			case strings.HasPrefix(string(a.Key), "rpc."):
				t.Errorf("%s (attempt: %v) has %s", span.Name(), isAttempt, a.Key)
			}
		}
	}
	var previous []string
	for _, r := range s.got() {
		previous = append(previous, strings.Join(r.header.Get("grpc-previous-rpc-attempts"), ","))
	}
	if want := []string{"", "1", "2"}; !slices.Equal(previous, want) {
		t.Errorf("grpc-previous-rpc-attempts %q, want %q", previous, want)
	}
}

func TestServerSaysWhen(t *testing.T) {
	info := func(code codes.Code, waits ...time.Duration) error {
		s := status.New(code, "busy")
		for _, w := range waits {
			var err error
			if s, err = s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(w)}); err != nil {
				t.Fatal(err)
			}
		}
		return s.Err()
	}
	exhausted := status.Error(codes.ResourceExhausted, "busy")
	for _, c := range []struct {
		name     string
		pushback []string
		err      error
		attempts int
		after    time.Duration
	}{
		{"no word", nil, exhausted, 1, 0},
		{"at once", []string{"0"}, exhausted, 2, 0},
		{"a wait", []string{"7"}, exhausted, 2, 7 * time.Millisecond},
		{"a wait, unavailable", []string{"7"}, unavailable, 2, 7 * time.Millisecond},
		{"negative", []string{"-1"}, unavailable, 1, 0},
		{"no number", []string{"soon"}, unavailable, 1, 0},
		{"a fraction", []string{"1.5"}, unavailable, 1, 0},
		{"empty", []string{""}, unavailable, 1, 0},
		{"beyond every number", []string{"99999999999999999999"}, unavailable, 1, 0},
		{"two values", []string{"1", "1"}, unavailable, 1, 0},
		{"another code", []string{"1"}, status.Error(codes.Internal, "bug"), 1, time.Millisecond},
		{"RetryInfo", nil, info(codes.ResourceExhausted, 7*time.Millisecond), 2, 7 * time.Millisecond},
		{"RetryInfo without a wait", nil, info(codes.ResourceExhausted, 0), 2, 0},
		{"RetryInfo, negative", nil, info(codes.ResourceExhausted, -time.Hour), 2, 0},
		{"two RetryInfo", nil, info(codes.ResourceExhausted, 7*time.Millisecond, 1), 2, 7 * time.Millisecond},
		{"both, a longer trailer", []string{"9"}, info(codes.Unavailable, 7*time.Millisecond), 2, 9 * time.Millisecond},
		{"both, a longer detail", []string{"5"}, info(codes.Unavailable, 7*time.Millisecond), 2, 7 * time.Millisecond},
		{"RetryInfo and a negative trailer", []string{"-5"}, info(codes.Unavailable, time.Millisecond), 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(r request) error {
				r.SetTrailer(metadata.MD{"grpc-retry-pushback-ms": c.pushback})
				return c.err
			})
			// Create is not idempotent: it is repeated because the server asks for it, and only then.
			policy := &retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay}
			for _, method := range []string{"Create", "GetThing"} {
				if method == "Create" && c.pushback == nil && c.err == unavailable { //nolint:errorlint // that very one
					continue
				}
				before := len(s.got())
				_, err := call(t.Context(), dial(t, s.addr, retrygrpc.Options{Policy: policy}), method, "x")
				if got := len(s.got()) - before; got != c.attempts {
					t.Errorf("%s: %d requests, want %d: %v", method, got, c.attempts, err)
				}
				if status.Code(err) != status.Code(c.err) {
					t.Errorf("%s: %v, want the code of %v", method, err, c.err)
				}
				const never = "the server asked for no further attempt"
				wantNever := c.attempts == 1 && c.pushback != nil && c.after == 0
				if got := strings.Contains(err.Error(), never); got != wantNever {
					t.Errorf("%s: error %v says that the server wants no further attempt: %v", method, err, got)
				}
				if e, ok := errors.AsType[*retry.Error](err); !ok || e.After != c.after {
					t.Errorf("%s: error %#v, want After %v", method, err, c.after)
				}
			}
		})
	}
}

func TestServerAsksForTooLongAWait(t *testing.T) {
	for _, pushback := range []string{"3600000", "9223372036854775807"} {
		s := serve(t, func(r request) error {
			r.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", pushback))
			return unavailable
		})
		_, err := call(t.Context(), dial(t, s.addr, retrygrpc.Options{}), "GetThing", "x")
		e, ok := errors.AsType[*retry.Error](err)
		if !ok || e.Reason != retry.ErrRetryLater || e.After < time.Hour || len(s.got()) != 1 {
			t.Errorf("%s: error %v, want told to retry later", pushback, err)
		}
	}
}

func TestWhatMayBeSentAgain(t *testing.T) {
	yes := func(string) bool { return true }
	for _, c := range []struct {
		method string
		resend func(string) bool
		again  bool
	}{
		{"GetThing", nil, true},
		{"Get", nil, true},
		{"ListThings", nil, true},
		{"Getaway", nil, false},
		{"getThing", nil, false},
		{"Listen", nil, false},
		{"Update", nil, false},
		{"Create", nil, false}, // its descriptor says nothing
		{"Mark", nil, true},    // IDEMPOTENT
		{"Peek", nil, true},    // NO_SIDE_EFFECTS
		{"Create", yes, true},
		{"GetThing", func(string) bool { return false }, false},
		{"Create", func(m string) bool { return m == service+"Create" }, true},
	} {
		s := serve(t, failing(1, unavailable))
		conn := dial(t, s.addr, retrygrpc.Options{Policy: quick(), Resend: c.resend})
		_, err := call(t.Context(), conn, c.method, "x")
		if got := len(s.got()); got != map[bool]int{true: 2, false: 1}[c.again] || c.again != (err == nil) {
			t.Errorf("%s, own Resend %v: %d requests, error %v", c.method, c.resend != nil, got, err)
		}
		if !c.again {
			if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrNotRetryable ||
				!strings.Contains(err.Error(), "the server may have acted on it") {
				t.Errorf("%s: error %v, want why it was not sent again", c.method, err)
			}
		}
	}
	for _, bad := range []string{"", "/", "x", "/x", "//", "/a.b/c/d"} {
		if got := retrygrpc.Resend(bad); got {
			t.Errorf("Resend(%q) = %v", bad, got)
		}
	}
}

// What has not left the process may be sent, whatever it is.
func TestNobodyListens(t *testing.T) {
	for _, c := range []struct {
		name     string
		options  []grpc.DialOption
		attempts int
	}{
		{"DialOptions", retrygrpc.DialOptions(retrygrpc.Options{Policy: quick()}), 3},
		{"the interceptor alone proves nothing", []grpc.DialOption{
			grpc.WithUnaryInterceptor(retrygrpc.UnaryClientInterceptor(retrygrpc.Options{Policy: quick()})),
		}, 1},
	} {
		ctx, rec := retrytest.Record(t, t.Context())
		_, err := call(ctx, connect(t, nobody(t), c.options...), "Create", "x")
		got := rec.Attempts("backspan.test.Things/Create")
		if got != c.attempts || status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %d attempts, error %v; want %d", c.name, got, err, c.attempts)
		}
	}
}

// An interceptor within ours that calls twice makes what was sent unknown.
func TestInterceptorThatHedges(t *testing.T) {
	twice := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker,
		opts ...grpc.CallOption,
	) error {
		return errors.Join(invoker(ctx, method, req, reply, cc, opts...), invoker(ctx, method, req, reply, cc, opts...))
	}
	ctx, rec := retrytest.Record(t, t.Context())
	conn := dial(t, nobody(t), retrygrpc.Options{Policy: quick()}, grpc.WithChainUnaryInterceptor(twice))
	_, err := call(ctx, conn, "Create", "x")
	if got := rec.Attempts("backspan.test.Things/Create"); got != 1 {
		t.Errorf("%d attempts, want 1: %v", got, err)
	}
}

func TestOwnRetryable(t *testing.T) {
	conflict := status.Error(codes.Aborted, "conflict")
	aborted := func(err error) bool { return retrygrpc.Retryable(err) || status.Code(err) == codes.Aborted }
	no := quick()
	no.Retryable = func(error) bool { return false }
	for _, c := range []struct {
		name    string
		options retrygrpc.Options
		err     error
		want    int
	}{
		{"one code more", retrygrpc.Options{Policy: quick(), Retryable: aborted}, conflict, 2},
		{"and those of the default", retrygrpc.Options{Policy: quick(), Retryable: aborted}, unavailable, 2},
		{"the policy says no", retrygrpc.Options{Policy: no}, unavailable, 1},
	} {
		s := serve(t, failing(1, c.err))
		_, err := call(t.Context(), dial(t, s.addr, c.options), "GetThing", "x")
		if got := len(s.got()); got != c.want {
			t.Errorf("%s: %d requests, want %d: %v", c.name, got, c.want, err)
		}
	}
}

// Retryable is of use in a loop around, too.
func TestRetryableOfAnyError(t *testing.T) {
	told, err := status.New(codes.ResourceExhausted, "busy").WithDetails(&errdetails.RetryInfo{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("any"), false},
		{fmt.Errorf("wrapped: %w", unavailable), true},
		{told.Err(), true},
		{status.Error(codes.ResourceExhausted, "quota"), false},
		{status.Error(codes.DeadlineExceeded, "the server's"), false},
	} {
		if got := retrygrpc.Retryable(c.err); got != c.want {
			t.Errorf("Retryable(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

func TestDeadlineThatNoWaitFits(t *testing.T) {
	s := serve(t, failing(9, unavailable))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: endless()}), "GetThing", "x")
	e, ok := errors.AsType[*retry.Error](err)
	if !ok || e.Reason != retry.ErrDeadline || status.Code(err) != codes.Unavailable ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want out of time, at once, with the server's status", err)
	}
}

// hiddenDeadline is a context whose deadline nobody can know before.
type hiddenDeadline struct{ context.Context }

func (hiddenDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }

func TestContextEndsInTheWait(t *testing.T) {
	detailed, err := status.New(codes.Unavailable, "back soon").WithDetails(&errdetails.ErrorInfo{Reason: "REBOOT"})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, failing(99, detailed.Err()))
	for _, c := range []struct {
		code  codes.Code
		is    error
		begin func() (ctx context.Context, end func())
	}{
		{codes.Canceled, context.Canceled, func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(t.Context())
			return ctx, func() { cancel(errors.New("not needed any more")) }
		}},
		{codes.DeadlineExceeded, context.DeadlineExceeded, func() (context.Context, func()) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return hiddenDeadline{ctx}, func() { <-ctx.Done() }
		}},
	} {
		ctx, end := c.begin()
		policy := endless()
		policy.AfterAttempt = func(context.Context, retry.Attempt) { end() }
		_, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: policy}), "GetThing", "x")
		if status.Code(err) != c.code || !errors.Is(err, c.is) {
			t.Errorf("error %v with code %v, want %v", err, status.Code(err), c.code)
		}
		for _, text := range []string{err.Error(), status.Convert(err).Message()} {
			if !strings.Contains(text, "back soon") {
				t.Errorf("%s: the last failure is not told", text)
			}
		}
		e, ok := errors.AsType[*retry.Error](err)
		if !ok || status.Code(e.Err) != codes.Unavailable || len(status.Convert(e.Err).Details()) != 1 {
			t.Errorf("error %#v, want the last failure whole in it", err)
		}
	}
}

func TestContextEndsInTheAttempt(t *testing.T) {
	arrived := make(chan struct{})
	s := serve(t, func(r request) error {
		close(arrived)
		<-r.Context().Done()
		return r.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: endless()}), "GetThing", "x")
	if status.Code(err) != codes.Canceled || !errors.Is(err, retry.ErrCancelled) {
		t.Errorf("error %v with code %v, want Canceled", err, status.Code(err))
	}
	_, err = call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: endless()}), "GetThing", "x")
	if status.Code(err) != codes.Canceled || len(s.got()) != 1 {
		t.Errorf("context done before: error %v with code %v, want Canceled", err, status.Code(err))
	}
}

// An attempt that came to an answer just when the context ended: the answer is the caller's.
func TestContextEndsWithTheAttempt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	answers := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
		cancel()
		return status.Error(codes.NotFound, "")
	}
	intercept := retrygrpc.UnaryClientInterceptor(retrygrpc.Options{})
	err := intercept(ctx, service+"GetThing", nil, nil, nil, answers)
	if status.Code(err) != codes.NotFound || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v with code %v, want NotFound", err, status.Code(err))
	}
}

func TestContextEndsAtAnyMoment(t *testing.T) {
	s := serve(t, func(r request) error {
		if r.n%5 != 0 {
			return unavailable
		}
		return r.reply("done")
	})
	policy := &retry.Policy{BaseDelay: 100 * time.Microsecond, Jitter: retry.FullJitter}
	conn := dial(t, s.addr, retrygrpc.Options{Policy: policy, NoBudget: true})
	seen := map[codes.Code]int{}
	for i := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(time.Duration(i)*10*time.Microsecond, cancel)
		_, err := call(ctx, conn, "GetThing", "x")
		cancelled := ctx.Err() != nil
		stop.Stop()
		cancel()
		code := status.Code(err)
		seen[code]++
		if code != codes.OK && code != codes.Unavailable && (code != codes.Canceled || !cancelled) {
			t.Errorf("after %d µs: code %v, context ended: %v: %v", 10*i, code, cancelled, err)
		}
	}
	if seen[codes.Canceled] == 0 {
		t.Errorf("no call was cancelled: %v", seen)
	}
}

func TestAttemptTimeout(t *testing.T) {
	for _, c := range []struct {
		method string
		want   int
	}{{"GetThing", 2}, {"Create", 1}} {
		s := serve(t, func(r request) error {
			if r.n == 1 {
				<-r.Context().Done()
				return r.Context().Err()
			}
			return r.reply("done")
		})
		policy := quick()
		policy.AttemptTimeout = 200 * time.Millisecond
		_, err := call(t.Context(), dial(t, s.addr, retrygrpc.Options{Policy: policy}), c.method, "x")
		if got := len(s.got()); got != c.want || (err == nil) != (c.want == 2) {
			t.Errorf("%s: %d requests, error %v; want %d", c.method, got, err, c.want)
		}
		if err != nil && status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%s: %v, want DeadlineExceeded", c.method, err)
		}
	}
}

// The details of the last status are the caller's.
func TestDetailsAreKept(t *testing.T) {
	detailed, err := status.New(codes.FailedPrecondition, "no").WithDetails(&errdetails.ErrorInfo{Reason: "STOCK"})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, failing(1, detailed.Err()))
	_, err = call(t.Context(), dial(t, s.addr, retrygrpc.Options{}), "GetThing", "x")
	got, ok := status.FromError(err)
	if !ok || got.Code() != codes.FailedPrecondition || len(got.Details()) != 1 {
		t.Fatalf("status %v of %v", got, err)
	}
	if info, ok := got.Details()[0].(*errdetails.ErrorInfo); !ok || info.GetReason() != "STOCK" {
		t.Errorf("detail %v", got.Details()[0])
	}
}

// What the options of a call fill in is the last attempt's.
func TestOutputsAreThoseOfTheLastAttempt(t *testing.T) {
	s := serve(t, func(r request) error {
		if err := r.SetHeader(metadata.Pairs("n", fmt.Sprint(r.n))); err != nil {
			return err
		}
		r.SetTrailer(metadata.Pairs("n", fmt.Sprint(r.n)))
		return failing(1, unavailable)(r)
	})
	type outputs struct {
		header, trailer metadata.MD
		peer            peer.Peer
		finished        []codes.Code
	}
	options := func(o *outputs) []grpc.CallOption {
		return []grpc.CallOption{
			grpc.Header(&o.header), grpc.Trailer(&o.trailer), grpc.Peer(&o.peer),
			grpc.OnFinish(func(err error) { o.finished = append(o.finished, status.Code(err)) }),
		}
	}
	var o outputs
	conn := dial(t, s.addr, retrygrpc.Options{Policy: quick()})
	if _, err := call(t.Context(), conn, "GetThing", "x", options(&o)...); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(o.header.Get("n"), o.trailer.Get("n")) != "[2] [2]" || o.peer.Addr.String() != s.addr ||
		!slices.Equal(o.finished, []codes.Code{codes.OK}) {
		t.Errorf("after a retry: %+v", o)
	}

	// The last attempt has no connection: what the first one filled in is not its.
	gone := serve(t, func(r request) error {
		if err := r.SendHeader(metadata.Pairs("n", "1")); err != nil {
			return err
		}
		r.SetTrailer(metadata.Pairs("n", "1"))
		return unavailable
	})
	policy := &retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay}
	policy.AfterAttempt = func(ctx context.Context, _ retry.Attempt) {
		gone.Stop()
		conn.WaitForStateChange(ctx, connectivity.Ready)
	}
	o = outputs{}
	conn = dial(t, gone.addr, retrygrpc.Options{Policy: policy})
	_, err := call(t.Context(), conn, "GetThing", "x", options(&o)...)
	if len(gone.got()) != 1 || o.header != nil || o.trailer != nil || o.peer.Addr != nil ||
		!slices.Equal(o.finished, []codes.Code{codes.Unavailable}) {
		t.Errorf("without a connection: %+v, error %v", o, err)
	}
}

// A failed attempt may have brought a message. Nothing of it is in the reply.
func TestReplyOfAFailedAttempt(t *testing.T) {
	s := serve(t, func(r request) error {
		if r.n == 1 {
			if err := r.reply("half"); err != nil {
				return err
			}
			return unavailable
		}
		return r.reply("")
	})
	reply, err := call(t.Context(), dial(t, s.addr, retrygrpc.Options{Policy: quick()}), "GetThing", "x")
	if reply != "" || err != nil || len(s.got()) != 2 {
		t.Errorf("reply %q, error %v, %d requests", reply, err, len(s.got()))
	}
}

// The options of a call may be a slice with room. Others may have it too, so nothing is written to it.
func TestOptionsAreNotWrittenTo(t *testing.T) {
	s := serve(t, failing(1, unavailable))
	options := make([]grpc.CallOption, 2, 4)
	options[0], options[1] = grpc.WaitForReady(true), grpc.MaxCallSendMsgSize(1000)
	conn := dial(t, s.addr, retrygrpc.Options{Policy: quick()})
	if _, err := call(t.Context(), conn, "GetThing", "x", options...); err != nil {
		t.Error(err)
	}
	if room := options[2:4]; room[0] != nil || room[1] != nil {
		t.Errorf("the room behind the options has %v", room)
	}
}

// Without a policy there are 2 retries, with waits spread over 100 ms and 200 ms.
func TestDefaultPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shortest, longest [2]time.Duration
		for range 200 { // that none is in the first or the last tenth has a chance of 1 in 10⁹
			var sent []time.Time
			invoke := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
				sent = append(sent, time.Now())
				return unavailable
			}
			intercept := retrygrpc.UnaryClientInterceptor(retrygrpc.Options{})
			err := intercept(t.Context(), service+"GetThing", nil, nil, nil, invoke)
			if !errors.Is(err, retry.ErrExhausted) || len(sent) != 3 {
				t.Fatalf("error %v after %d attempts, want 3", err, len(sent))
			}
			for i := range longest {
				wait := sent[i+1].Sub(sent[i])
				longest[i] = max(longest[i], wait)
				if shortest[i] == 0 || wait < shortest[i] {
					shortest[i] = wait
				}
			}
		}
		for i, got := range longest {
			if limit := 100 * time.Millisecond << i; got > limit || got < limit*9/10 || shortest[i] > limit/10 {
				t.Errorf("waits before retry %d are %v to %v, want all up to %v", i+1, shortest[i], got, limit)
			}
		}
	})
}

func TestBigMessages(t *testing.T) {
	big := strings.Repeat("0123456789", 300_000)
	s := serve(t, failing(2, unavailable))
	conn := dial(t, s.addr, retrygrpc.Options{Policy: quick()})
	reply, err := call(t.Context(), conn, "GetThing", big)
	if err != nil || reply != "answer to "+big {
		t.Errorf("%d bytes, error %v", len(reply), err)
	}
	_, err = call(t.Context(), conn, "GetThing", big, grpc.MaxCallSendMsgSize(1000))
	if status.Code(err) != codes.ResourceExhausted || len(s.got()) != 3 {
		t.Errorf("a request that is too large: error %v, %d requests", err, len(s.got()))
	}
}

// A service config that asks gRPC for retries changes nothing.
func TestAttemptsAreNotMultiplied(t *testing.T) {
	s := serve(t, failing(99, unavailable))
	conn := dial(t, s.addr, retrygrpc.Options{Policy: quick()}, grpc.WithDefaultServiceConfig(`{"methodConfig": [{
		"name": [{}],
		"retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
			"retryableStatusCodes": ["UNAVAILABLE"]}}]}`))
	_, err := call(t.Context(), conn, "GetThing", "x")
	if got := len(s.got()); got != 3 {
		t.Errorf("%d requests, want 3: %v", got, err)
	}
}

func TestWaitForReady(t *testing.T) {
	s := &server{answer: failing(0, nil)}
	addr := nobody(t)
	conn := dial(t, addr, retrygrpc.Options{Policy: &retry.Policy{MaxRetries: retry.Never}})
	if _, err := call(t.Context(), conn, "Create", "x"); status.Code(err) != codes.Unavailable {
		t.Fatalf("nobody listens, but: %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := call(t.Context(), conn, "Create", "x", grpc.WaitForReady(true))
		done <- err
	}()
	s.listen(t, addr)
	if err := <-done; err != nil || len(s.got()) != 1 {
		t.Errorf("error %v, %d requests", err, len(s.got()))
	}
}

// The server goes away in the middle of a call, and another one takes its place.
func TestServerGoesAndComesBack(t *testing.T) {
	s := &server{}
	s.answer = func(r request) error {
		if r.n == 1 {
			go s.Stop()
			<-r.Context().Done()
			return r.Context().Err()
		}
		return r.reply("back")
	}
	s.listen(t, "127.0.0.1:0")
	stopped, back := s.Server, &server{}
	policy := patient()
	policy.AfterAttempt = func(_ context.Context, a retry.Attempt) {
		if a.Number == 2 {
			stopped.Stop() // returns when the address is free
			back.answer = func(r request) error { return r.reply("back") }
			back.listen(t, s.addr)
		}
	}
	conn := dial(t, s.addr, retrygrpc.Options{Policy: policy, NoBudget: true})
	reply, err := call(t.Context(), conn, "GetThing", "x")
	if err != nil || reply != "back" || len(s.got()) != 1 || len(back.got()) != 1 {
		t.Errorf("reply %q, error %v, requests %d and %d", reply, err, len(s.got()), len(back.got()))
	}
}

func TestUnusableOptions(t *testing.T) {
	s := serve(t, failing(0, nil))
	for _, c := range []struct {
		field   string
		options retrygrpc.Options
	}{
		{"Policy.MaxRetries", retrygrpc.Options{Policy: &retry.Policy{MaxRetries: -1}}},
		{"Policy.BaseDelay", retrygrpc.Options{Policy: &retry.Policy{BaseDelay: -time.Second}}},
		{"name", retrygrpc.Options{Name: func(string) string { return "" }}},
	} {
		conn := dial(t, s.addr, c.options)
		_, unary := call(t.Context(), conn, "GetThing", "x")
		_, server := list(t.Context(), conn, "ListThings", "x")
		_, client := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, service+"Collect")
		for kind, err := range map[string]error{"unary": unary, "server stream": server, "client stream": client} {
			bad, ok := errors.AsType[*retry.FieldError](err)
			if !ok || bad.Field != c.field || status.Code(err) != codes.Internal {
				t.Errorf("%s: error %#v with code %v, want Internal about %s", kind, err, status.Code(err), c.field)
			}
		}
	}
	if got := len(s.got()); got != 0 {
		t.Errorf("the server got %d requests", got)
	}
}
