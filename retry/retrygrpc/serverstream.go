package retrygrpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// A serverStream is the stream of a server streaming call. It is there at once. A goroutine makes the attempts and ends
// with them: when one has the response's headers, when the last one failed, or when the caller's context ends. The
// request is kept until then, for the attempts that follow.
type serverStream struct {
	*opener
	ctx context.Context //nolint:containedctx // grpc.ClientStream has a method Context

	mu      sync.Mutex
	request any // nil: not sent yet
	closed  bool
	current grpc.ClientStream // of the running or last attempt; nil: not open

	done     chan struct{} // closed when the attempts are over
	err      error         // why they failed
	panicked any           // with what an interceptor of the user panicked
}

func newServerStream(ctx context.Context, o *opener) *serverStream {
	s := &serverStream{opener: o, ctx: ctx, done: make(chan struct{})}
	go s.run()
	return s
}

// run makes the attempts. A panic of an interceptor or of a function of the options is the caller's: he gets it when he
// waits for the stream.
func (s *serverStream) run() {
	defer close(s.done)
	s.err = status.Error(codes.Internal, "retrygrpc: an interceptor called runtime.Goexit")
	defer func() {
		if value := recover(); value != nil {
			s.panicked = value
		}
	}()
	s.err = s.until(s.ctx, untilHeaders, s.attempt)
}

// attempt makes one attempt, until the headers of its response are there.
func (s *serverStream) attempt(ctx context.Context, a *attempt) error {
	s.mu.Lock()
	s.current = nil
	s.mu.Unlock()
	stream, err := s.stream(ctx)
	if err != nil {
		return err
	}
	if err := s.replay(stream); err != nil {
		return err
	}
	header, err := stream.Header()
	if header != nil || err != nil {
		return err
	}
	// The stream has ended without a message. That there is none to be read into is certain by now.
	err = stream.RecvMsg(new(emptypb.Empty))
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return status.Error(codes.Internal, "retrygrpc: the stream has a message, but no headers came before it")
	}
	a.trailer = stream.Trailer()
	return err
}

// replay sends on stream what the caller has sent before it was open.
func (s *serverStream) replay(stream grpc.ClientStream) error {
	s.mu.Lock()
	s.current = stream
	request, closed := s.request, s.closed
	s.mu.Unlock()
	switch {
	case request != nil:
		if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) { // on EOF, RecvMsg tells
			return err
		}
	case closed:
		return stream.CloseSend()
	}
	return nil
}

// SendMsg keeps the request. It waits neither for a connection nor for an attempt.
func (s *serverStream) SendMsg(m any) error {
	s.mu.Lock()
	if s.request != nil || s.closed {
		s.mu.Unlock()
		return status.Error(codes.Internal, "SendMsg called after CloseSend")
	}
	s.request = m
	stream := s.current
	s.mu.Unlock()
	if stream == nil {
		return nil
	}
	if err := stream.SendMsg(m); !errors.Is(err, io.EOF) {
		return err
	}
	return nil // the attempt has failed: another one may follow, else RecvMsg tells
}

// CloseSend has nothing to do after SendMsg: there is one request, and gRPC ends the client's side with it.
func (s *serverStream) CloseSend() error {
	s.mu.Lock()
	s.closed = true
	sent, stream := s.request != nil, s.current
	s.mu.Unlock()
	if sent || stream == nil {
		return nil
	}
	return stream.CloseSend()
}

// wait returns the stream that the attempts came to, or why they failed.
func (s *serverStream) wait() (grpc.ClientStream, error) {
	<-s.done
	if s.panicked != nil {
		panic(s.panicked)
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.current, nil
}

func (s *serverStream) RecvMsg(m any) error {
	stream, err := s.wait()
	if err != nil {
		return err
	}
	return stream.RecvMsg(m)
}

// Header returns nothing for a call that failed, as gRPC does; RecvMsg tells why.
func (s *serverStream) Header() (metadata.MD, error) {
	if stream, _ := s.wait(); stream != nil {
		return stream.Header()
	}
	return nil, nil
}

// Trailer is that of the last attempt.
func (s *serverStream) Trailer() metadata.MD {
	<-s.done
	if s.current == nil {
		return nil
	}
	return s.current.Trailer()
}

// Context is the caller's until the call has a stream.
func (s *serverStream) Context() context.Context {
	select {
	case <-s.done:
		if s.current != nil {
			return s.current.Context()
		}
	default:
	}
	return s.ctx
}
