package retrygrpc_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
	"github.com/backspan/backspan/retry/retrytest"
)

// A wait of an hour ends when the client is closed, whoever waits, and the last failure is still told.
func TestCloseEndsAWait(t *testing.T) {
	for kind, begin := range map[string]func(context.Context, *grpc.ClientConn) error{
		"unary": func(ctx context.Context, conn *grpc.ClientConn) error {
			_, err := call(ctx, conn, "GetThing", "x")
			return err
		},
		"server stream": func(ctx context.Context, conn *grpc.ClientConn) error {
			_, err := list(ctx, conn, "ListThings", "x")
			return err
		},
		"client stream": func(ctx context.Context, conn *grpc.ClientConn) error {
			_, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, service+"Collect")
			return err
		},
	} {
		t.Run(kind, func(t *testing.T) {
			const wait = "3600000" // of the server, so that it may be sent again; MaxAfter must allow it
			s := serve(t, func(r request) error {
				r.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", wait))
				return unavailable
			})
			addr := s.addr
			if kind == "client stream" {
				addr = nobody(t)
			}
			failed := make(chan struct{}, 1)
			policy := endless()
			policy.MaxAfter = 2 * policy.MaxDelay
			policy.AfterAttempt = func(context.Context, retry.Attempt) { failed <- struct{}{} }
			conn, err := grpc.NewClient(addr, append(retrygrpc.DialOptions(retrygrpc.Options{Policy: policy}),
				grpc.WithTransportCredentials(insecure.NewCredentials()))...)
			if err != nil {
				t.Fatal(err)
			}
			ctx, rec := retrytest.Record(t, t.Context())
			go func() {
				<-failed
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}()
			err = begin(ctx, conn)
			e, ok := errors.AsType[*retry.Error](err)
			if !ok || e.Reason != retry.ErrCancelled || status.Code(err) != codes.Canceled || e.Attempts != 1 ||
				status.Code(e.Err) != codes.Unavailable {
				t.Errorf("error %v with code %v, want Canceled with the last failure in it\n%s",
					err, status.Code(err), rec.Tree())
			}
			if text := status.Convert(err).Message(); !strings.Contains(text, "was closed in the wait") {
				t.Errorf("%s: it is not told why", text)
			}
			// A call of a client that is closed is not tried again.
			if _, err := call(t.Context(), conn, "GetThing", "x"); status.Code(err) != codes.Canceled {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

// In an attempt gRPC itself ends the call; no wait is told of.
func TestCloseInAnAttempt(t *testing.T) {
	arrived := make(chan struct{})
	s := serve(t, func(r request) error {
		if r.n == 1 {
			return unavailable
		}
		close(arrived)
		<-r.Context().Done()
		return r.Context().Err()
	})
	conn, err := grpc.NewClient(s.addr, append(retrygrpc.DialOptions(retrygrpc.Options{Policy: quick()}),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err = call(t.Context(), conn, "GetThing", "x")
	if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrNotRetryable || e.Attempts != 2 ||
		status.Code(err) != codes.Canceled {
		t.Errorf("error %v with code %v, want Canceled and not retryable", err, status.Code(err))
	}
}

// Waits that end by themselves, and calls that succeed, have nothing to do with a client that is closed later.
func TestCloseAfterACall(t *testing.T) {
	s := serve(t, func(r request) error {
		if r.n%2 == 1 {
			return unavailable
		}
		return r.reply("x")
	})
	conn := dial(t, s.addr, retrygrpc.Options{Policy: quick()})
	if _, err := call(t.Context(), conn, "GetThing", "x"); err != nil {
		t.Error(err)
	}
	stream, err := open(t.Context(), conn, "ListThings", "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Error(err)
	}
	if err := stream.Context().Err(); err != nil {
		t.Errorf("the context of an open stream: %v", err)
	}
	for err == nil {
		err = stream.RecvMsg(new(emptypb.Empty))
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
