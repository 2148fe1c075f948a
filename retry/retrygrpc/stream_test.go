package retrygrpc_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
	"github.com/backspan/backspan/retry/retrytest"
)

// open opens a server stream as generated code does.
func open(ctx context.Context, conn *grpc.ClientConn, method, text string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, service+method, opts...)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(wrapperspb.String(text)); err != nil {
		return nil, err
	}
	return stream, stream.CloseSend()
}

// list reads a server stream to its end.
func list(ctx context.Context, conn *grpc.ClientConn, method, text string, opts ...grpc.CallOption,
) (texts []string, err error) {
	stream, err := open(ctx, conn, method, text, opts...)
	if err != nil {
		return nil, err
	}
	for {
		var m wrapperspb.StringValue
		switch err := stream.RecvMsg(&m); {
		case errors.Is(err, io.EOF):
			return texts, nil
		case err != nil:
			return texts, err
		}
		texts = append(texts, m.GetValue())
	}
}

func TestServerStream(t *testing.T) {
	three := func(r request) error {
		return errors.Join(r.reply(r.text+"1"), r.reply(r.text+"2"), r.reply(r.text+"3"))
	}
	lost := status.Error(codes.Unavailable, "lost on the way")
	for _, c := range []struct {
		name     string
		method   string
		answer   func(request) error
		requests int
		texts    string
		code     codes.Code
		outcome  string
	}{
		{"at first", "ListThings", three, 1, "x1 x2 x3", codes.OK, "success"},
		{"no message at all", "ListThings", func(request) error { return nil }, 1, "", codes.OK, "success"},
		{"only headers", "ListThings", func(r request) error { return r.SendHeader(nil) }, 1, "", codes.OK, "success"},
		{"after two failures", "ListThings", func(r request) error {
			if r.n < 3 {
				return unavailable
			}
			return three(r)
		}, 3, "x1 x2 x3", codes.OK, "recovered"},
		{"never", "ListThings", func(request) error { return unavailable }, 3, "", codes.Unavailable, "exhausted"},
		{"another code", "ListThings", func(request) error {
			return status.Error(codes.NotFound, "")
		}, 1, "", codes.NotFound, "not_retryable"},
		{"not idempotent", "Watch", func(request) error {
			return unavailable
		}, 1, "", codes.Unavailable, "not_retryable"},
		{"asked by the server", "Watch", func(r request) error {
			r.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", "1"))
			return unavailable
		}, 3, "", codes.Unavailable, "exhausted"},
		{"after the first message", "ListThings", func(r request) error {
			return errors.Join(r.reply("x1"), lost)
		}, 1, "x1", codes.Unavailable, "success"},
		{"after the headers", "ListThings", func(r request) error {
			return errors.Join(r.SendHeader(metadata.Pairs("a", "b")), lost)
		}, 1, "", codes.Unavailable, "success"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(r request) error {
				err := c.answer(r)
				if errors.Is(err, lost) {
					return lost
				}
				return err
			})
			var finished []codes.Code
			ctx, rec := retrytest.Record(t, t.Context())
			texts, err := list(ctx, dial(t, s.addr, retrygrpc.Options{Policy: quick()}), c.method, "x",
				grpc.OnFinish(func(err error) { finished = append(finished, status.Code(err)) }))
			if got := strings.Join(texts, " "); got != c.texts || status.Code(err) != c.code {
				t.Errorf("got %q, error %v; want %q, %v", got, err, c.texts, c.code)
			}
			if got := s.got(); len(got) != c.requests || len(got) > 0 && got[len(got)-1].text != "x" {
				t.Errorf("requests %v, want %d: %s", got, c.requests, rec.Tree())
			}
			if got := rec.Outcomes("backspan.test.Things/" + c.method); !slices.Equal(got, []string{c.outcome}) {
				t.Errorf("outcomes %q, want %q", got, c.outcome)
			}
			if !slices.Equal(finished, []codes.Code{c.code}) {
				t.Errorf("OnFinish got %v, want one %v", finished, c.code)
			}
		})
	}
}

// Header, Trailer and Context are those of the stream that is the caller's.
func TestServerStreamsHeaderAndTrailer(t *testing.T) {
	s := serve(t, func(r request) error {
		if r.n == 1 {
			return unavailable
		}
		r.SetTrailer(metadata.Pairs("end", "2"))
		return errors.Join(r.SendHeader(metadata.Pairs("begin", "2")), r.reply("x"))
	})
	stream, err := open(t.Context(), dial(t, s.addr, retrygrpc.Options{Policy: quick()}), "ListThings", "x")
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); err != nil || !slices.Equal(header.Get("begin"), []string{"2"}) {
		t.Errorf("header %v, error %v", header, err)
	}
	var m wrapperspb.StringValue
	for err == nil {
		err = stream.RecvMsg(&m)
	}
	if !errors.Is(err, io.EOF) || !slices.Equal(stream.Trailer().Get("end"), []string{"2"}) {
		t.Errorf("trailer %v, error %v", stream.Trailer(), err)
	}
	sent, _ := metadata.FromOutgoingContext(stream.Context())
	if got := sent.Get("grpc-previous-rpc-attempts"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("the context is not the second stream's: %v", sent)
	}

	failed := serve(t, func(r request) error {
		r.SetTrailer(metadata.Pairs("end", "1"))
		return status.Error(codes.NotFound, "")
	})
	stream, err = open(t.Context(), dial(t, failed.addr, retrygrpc.Options{}), "ListThings", "x")
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); header != nil || err != nil {
		t.Errorf("of a call that failed: header %v, error %v", header, err)
	}
	err = stream.RecvMsg(&m)
	if got := stream.Trailer().Get("end"); status.Code(err) != codes.NotFound || !slices.Equal(got, []string{"1"}) {
		t.Errorf("of a call that failed: error %v, trailer %v", err, stream.Trailer())
	}
}

// The stream is there before any server is, and waits for it without its caller.
func TestServerStreamIsThereAtOnce(t *testing.T) {
	s := &server{answer: failing(0, nil)}
	addr := nobody(t)
	conn := dial(t, addr, retrygrpc.Options{Policy: patient(), NoBudget: true})
	stream, err := open(t.Context(), conn, "Watch", "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(wrapperspb.String("second")); status.Code(err) != codes.Internal {
		t.Errorf("a second request: %v", err)
	}
	s.listen(t, addr)
	var m wrapperspb.StringValue
	if err := stream.RecvMsg(&m); err != nil || m.GetValue() != "answer to x" {
		t.Errorf("%q, error %v", m.GetValue(), err)
	}
	if err := stream.RecvMsg(&m); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Who opens a stream and turns away must end the context, as with gRPC itself; the goroutine ends then (goleak).
func TestServerStreamIsAbandoned(t *testing.T) {
	s := serve(t, failing(99, unavailable))
	failed := make(chan struct{}, 1)
	policy := endless()
	policy.AfterAttempt = func(context.Context, retry.Attempt) { failed <- struct{}{} }
	conn := dial(t, s.addr, retrygrpc.Options{Policy: policy})
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := open(ctx, conn, "ListThings", "x")
	if err != nil {
		t.Fatal(err)
	}
	<-failed
	cancel()
	if err := stream.RecvMsg(nil); status.Code(err) != codes.Canceled || !strings.Contains(err.Error(), "back soon") {
		t.Errorf("error %v with code %v, want Canceled with the last failure", err, status.Code(err))
	}
	if stream.Context() == nil || stream.Trailer() == nil {
		t.Errorf("context %v, trailer %v", stream.Context(), stream.Trailer())
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	if _, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, service+"ListThings"); err != nil {
		t.Error(err)
	}
}

func TestServerStreamEndsAtAnyMoment(t *testing.T) {
	s := serve(t, func(r request) error {
		if r.n%3 != 0 {
			return unavailable
		}
		return errors.Join(r.reply("1"), r.reply("2"))
	})
	policy := &retry.Policy{BaseDelay: 100 * time.Microsecond, Jitter: retry.FullJitter}
	conn := dial(t, s.addr, retrygrpc.Options{Policy: policy, NoBudget: true})
	var done sync.WaitGroup
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		done.Go(func() {
			defer stop.Stop()
			defer cancel()
			switch _, err := list(ctx, conn, "ListThings", "x"); status.Code(err) {
			case codes.OK, codes.Unavailable, codes.Canceled:
			default:
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	done.Wait()
}

// The timeout bounds what is retried. It does not end a stream that has begun.
func TestAttemptTimeoutOfAServerStream(t *testing.T) {
	const timeout = 100 * time.Millisecond
	s := serve(t, func(r request) error {
		if r.n == 1 {
			<-r.Context().Done() // no headers
			return nil
		}
		if err := r.SendHeader(nil); err != nil {
			return err
		}
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-time.After(2 * timeout):
			return r.reply("late")
		}
	})
	policy := quick()
	policy.AttemptTimeout = timeout
	conn := dial(t, s.addr, retrygrpc.Options{Policy: policy})
	texts, err := list(t.Context(), conn, "ListThings", "x")
	if err != nil || len(texts) != 1 || len(s.got()) != 2 {
		t.Errorf("%q, error %v, %d requests", texts, err, len(s.got()))
	}

	hangs := serve(t, func(r request) error {
		<-r.Context().Done()
		return nil
	})
	_, err = list(t.Context(), dial(t, hangs.addr, retrygrpc.Options{Policy: policy}), "Watch", "x")
	if status.Code(err) != codes.DeadlineExceeded || len(hangs.got()) != 1 || !strings.Contains(err.Error(), "100ms") {
		t.Errorf("not idempotent: error %v, %d requests", err, len(hangs.got()))
	}
}

// A request that cannot be sent is an error of the caller's, as with gRPC itself.
func TestServerStreamRequestTooLarge(t *testing.T) {
	s := serve(t, failing(0, nil))
	_, err := list(t.Context(), dial(t, s.addr, retrygrpc.Options{Policy: quick()}), "ListThings", "0123456789",
		grpc.MaxCallSendMsgSize(5))
	if status.Code(err) != codes.ResourceExhausted || len(s.got()) != 0 {
		t.Errorf("error %v, %d requests", err, len(s.got()))
	}
}

func TestBigServerStream(t *testing.T) {
	big := strings.Repeat("0123456789", 300_000)
	s := serve(t, func(r request) error {
		if r.n == 1 {
			return unavailable
		}
		return errors.Join(r.reply(r.text), r.reply(r.text))
	})
	texts, err := list(t.Context(), dial(t, s.addr, retrygrpc.Options{Policy: quick()}), "ListThings", big)
	if err != nil || len(texts) != 2 || texts[0] != big || texts[1] != big {
		t.Errorf("%d messages, error %v", len(texts), err)
	}
}

// A panic of an interceptor is the caller's, not the end of the process.
func TestServerStreamWhoseInterceptorPanics(t *testing.T) {
	panics := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, grpc.Streamer, ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		panic("a bug")
	}
	conn := dial(t, nobody(t), retrygrpc.Options{}, grpc.WithChainStreamInterceptor(panics))
	stream, err := open(t.Context(), conn, "ListThings", "x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if value := recover(); value != "a bug" {
			t.Errorf("recovered %v", value)
		}
	}()
	t.Error(stream.RecvMsg(nil))
}

// Of client and bidirectional streams only the opening is retried.
func TestClientStreams(t *testing.T) {
	for _, desc := range []*grpc.StreamDesc{{ClientStreams: true}, {ClientStreams: true, ServerStreams: true}} {
		ctx, rec := retrytest.Record(t, t.Context())
		_, err := dial(t, nobody(t), retrygrpc.Options{Policy: quick()}).NewStream(ctx, desc, service+"Chat")
		if status.Code(err) != codes.Unavailable || rec.Attempts("backspan.test.Things/Chat") != 3 {
			t.Errorf("nobody listens: error %v, %d attempts, want 3", err, rec.Attempts("backspan.test.Things/Chat"))
		}
		for _, span := range rec.Spans() {
			for _, a := range span.Attributes() {
				if a.Key == "retry.until" && a.Value.AsString() != "stream opened" {
					t.Errorf("%s: %v", span.Name(), a)
				}
			}
		}

		s := &server{stream: true, answer: func(r request) error {
			var m wrapperspb.StringValue
			if err := r.RecvMsg(&m); err != nil {
				return err
			}
			return unavailable
		}}
		s.listen(t, "127.0.0.1:0")
		var finished []codes.Code
		policy := quick()
		policy.AttemptTimeout = time.Minute
		stream, err := dial(t, s.addr, retrygrpc.Options{Policy: policy}).NewStream(t.Context(), desc, service+"Chat",
			grpc.OnFinish(func(err error) { finished = append(finished, status.Code(err)) }))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(wrapperspb.String("once")); err != nil {
			t.Error(err)
		}
		if err := stream.RecvMsg(nil); status.Code(err) != codes.Unavailable || len(s.got()) != 1 {
			t.Errorf("after the opening: error %v, %d streams", err, len(s.got()))
		}
		if !slices.Equal(finished, []codes.Code{codes.Unavailable}) {
			t.Errorf("OnFinish got %v", finished)
		}
	}
}

func TestClientStreamThatRecovers(t *testing.T) {
	s := &server{stream: true, answer: func(r request) error {
		var m wrapperspb.StringValue
		if err := r.RecvMsg(&m); err != nil {
			return err
		}
		return r.reply("got " + m.GetValue())
	}}
	addr := nobody(t)
	policy := patient()
	policy.AfterAttempt = func(_ context.Context, a retry.Attempt) {
		if a.Number == 1 {
			s.listen(t, addr)
		}
	}
	stream, err := dial(t, addr, retrygrpc.Options{Policy: policy, NoBudget: true}).NewStream(t.Context(),
		&grpc.StreamDesc{ClientStreams: true}, service+"Collect")
	if err != nil {
		t.Fatal(err)
	}
	var m wrapperspb.StringValue
	err = errors.Join(stream.SendMsg(wrapperspb.String("x")), stream.CloseSend(), stream.RecvMsg(&m))
	if err != nil || m.GetValue() != "got x" {
		t.Errorf("%q, error %v", m.GetValue(), err)
	}
}

// A watchedStream tells when its Header is asked for. What it sends arrives, but it says that the stream is over.
type watchedStream struct {
	grpc.ClientStream
	waits chan<- struct{}
}

func (w watchedStream) Header() (metadata.MD, error) {
	w.waits <- struct{}{}
	return w.ClientStream.Header()
}

func (w watchedStream) SendMsg(m any) error {
	if err := w.ClientStream.SendMsg(m); err != nil {
		return err
	}
	return io.EOF
}

// watch returns an option that sends on the channel when an attempt waits for the headers of a response.
func watch() (<-chan struct{}, grpc.DialOption) {
	waits := make(chan struct{}, 10)
	return waits, grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn,
		method string, streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		stream, err := streamer(ctx, desc, cc, method, opts...)
		return watchedStream{stream, waits}, err
	})
}

// The request may come before the stream is open or after; an attempt that is over already is no error of the caller's.
func TestServerStreamGetsItsRequestLate(t *testing.T) {
	s := serve(t, failing(1, unavailable))
	waits, option := watch()
	conn := dial(t, s.addr, retrygrpc.Options{Policy: quick()}, option)
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, service+"ListThings")
	if err != nil {
		t.Fatal(err)
	}
	<-waits
	var m wrapperspb.StringValue
	err = errors.Join(stream.SendMsg(wrapperspb.String("x")), stream.CloseSend(), stream.RecvMsg(&m))
	if err != nil || m.GetValue() != "answer to x" || len(s.got()) != 2 {
		t.Errorf("%q, error %v, %d requests", m.GetValue(), err, len(s.got()))
	}
	if err := stream.RecvMsg(&m); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// The caller may end his side without a request.
func TestServerStreamWithoutARequest(t *testing.T) {
	for _, early := range []bool{true, false} {
		s := &server{stream: true, answer: func(r request) error {
			if err := r.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
				return err
			}
			return r.reply("nothing to say")
		}}
		addr := nobody(t)
		if !early {
			s.listen(t, addr)
		}
		waits, option := watch()
		conn := dial(t, addr, retrygrpc.Options{Policy: patient(), NoBudget: true}, option)
		stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, service+"Watch")
		if err != nil {
			t.Fatal(err)
		}
		if !early {
			<-waits
		}
		err = stream.CloseSend()
		if early {
			s.listen(t, addr)
		}
		var m wrapperspb.StringValue
		if err := errors.Join(err, stream.RecvMsg(&m)); err != nil || m.GetValue() != "nothing to say" {
			t.Errorf("before there is a stream: %v: %q, error %v", early, m.GetValue(), err)
		}
		if err := stream.RecvMsg(&m); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}
}

// immortal is a context that never ends, of a type that package context does not know: for each context below it that
// is not cancelled there is a goroutine, which goleak finds.
type immortal struct {
	context.Context
	done chan struct{}
}

func (i immortal) Done() <-chan struct{} { return i.done }

// When a call or a stream is over, nothing of it hangs on the context of its caller.
func TestCallsLeaveNothingBehind(t *testing.T) {
	ctx := immortal{context.Background(), make(chan struct{})}
	s := serve(t, failing(1, unavailable))
	policy := quick()
	policy.AttemptTimeout = time.Minute
	if texts, err := list(ctx, dial(t, s.addr, retrygrpc.Options{Policy: policy}), "ListThings", "x"); err != nil {
		t.Errorf("%q, error %v", texts, err)
	}
	if _, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: policy}), "GetThing", "x"); err != nil {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		bug := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { panic("a bug") }
		_ = retrygrpc.UnaryClientInterceptor(retrygrpc.Options{})(ctx, service+"GetThing", nil, nil, nil, bug)
	}()
	refuses := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, grpc.Streamer, ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		return nil, unavailable // gRPC never hears of it
	}
	conn := dial(t, s.addr, retrygrpc.Options{Policy: policy}, grpc.WithChainStreamInterceptor(refuses))
	for _, desc := range []*grpc.StreamDesc{{ServerStreams: true}, {ClientStreams: true}} {
		stream, err := conn.NewStream(ctx, desc, service+"ListThings")
		if err == nil {
			err = stream.RecvMsg(nil)
		}
		if !errors.Is(err, retry.ErrExhausted) && !errors.Is(err, retry.ErrNotRetryable) {
			t.Error(err)
		}
	}
}
