package retrygrpc_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
	"github.com/backspan/backspan/retry/retrytest"
)

// A rawServer speaks just enough of HTTP/2 to do what a gRPC server does only by chance: to refuse streams, and to go
// away with a stream that it has not looked at.
type rawServer struct {
	addr string
	net.Listener
	answer func(n int) action // for the n-th stream over all connections, from 1

	requests atomic.Int64
}

type action int

const (
	reply  action = iota // with an empty message
	refuse               // RST_STREAM with REFUSED_STREAM
	goAway               // GOAWAY that says that the stream was not looked at, and the end of the connection
	hangUp               // the end of the connection
	vanish               // as goAway, and no further connection is accepted
)

func serveRaw(t *testing.T, answer func(n int) action) *rawServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{Listener: listener, addr: listener.Addr().String(), answer: answer}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			all.Go(func() {
				defer conn.Close() //nolint:errcheck // the client has gone, or shall see it gone
				if err := s.serve(conn); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					t.Logf("connection: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		all.Wait() // the client was dialled later, so it is closed
	})
	return s
}

func (s *rawServer) serve(conn net.Conn) error {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return err
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				err = framer.WritePing(true, frame.Data)
			}
		case *http2.DataFrame: // the request is whole
			err = s.act(framer, frame.StreamID)
		}
		if err != nil {
			return err
		}
	}
}

// act answers a stream; an error ends the connection.
func (s *rawServer) act(framer *http2.Framer, stream uint32) error {
	switch s.answer(int(s.requests.Add(1))) {
	case refuse:
		return framer.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
	case goAway:
		return errors.Join(framer.WriteGoAway(stream-1, http2.ErrCodeNo, nil), io.EOF)
	case vanish:
		return errors.Join(s.Close(), framer.WriteGoAway(stream-1, http2.ErrCodeNo, nil), io.EOF)
	case hangUp:
		return io.EOF
	default:
		return errors.Join(
			framer.WriteHeaders(headers(stream, false, ":status", "200", "content-type", "application/grpc")),
			framer.WriteData(stream, false, make([]byte, 5)),
			framer.WriteHeaders(headers(stream, true, "grpc-status", "0")),
		)
	}
}

func headers(stream uint32, end bool, fields ...string) http2.HeadersFrameParam {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for pair := range slices.Chunk(fields, 2) {
		if err := encoder.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1]}); err != nil {
			panic(err) // a buffer takes everything
		}
	}
	return http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end}
}

// What a server has provably not looked at, gRPC resends itself: within one attempt, where the span counts it.
func TestHiddenResends(t *testing.T) {
	for _, c := range []struct {
		name    string
		method  string
		actions []action // the last one again and again
		code    codes.Code
		resends []int64 // of each attempt
		sent    int
	}{
		{"refused once", "Create", []action{refuse, reply}, codes.OK, []int64{1}, 2},
		{"gone away", "Create", []action{goAway, reply}, codes.OK, []int64{1}, 2},
		{"gone away for good", "Create", []action{vanish}, codes.Unavailable, []int64{1, 0, 0}, 1},
		{"nothing hidden", "GetThing", []action{hangUp, reply}, codes.OK, []int64{0, 0}, 2},
		{"hung up", "Create", []action{hangUp, reply}, codes.Unavailable, []int64{0}, 1},
		{"refused twice", "GetThing", []action{refuse, refuse, reply}, codes.OK, []int64{1, 0}, 3},
		// gRPC does not tell a second refusal from another reset, so it counts as one: the server may have acted.
		{"refused twice, not idempotent", "Create", []action{refuse, refuse, reply}, codes.Unavailable, []int64{1}, 2},
		{"hung up on the resend", "Create", []action{refuse, hangUp, reply}, codes.Unavailable, []int64{1}, 2},
		{"refused for ever", "GetThing", []action{refuse}, codes.Unavailable, []int64{1, 1, 1}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serveRaw(t, func(n int) action { return c.actions[min(n, len(c.actions))-1] })
			ctx, rec := retrytest.Record(t, t.Context())
			_, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: quick()}), c.method, "x")
			if status.Code(err) != c.code {
				t.Errorf("error %v, want %v", err, c.code)
			}
			got, sent := hiddenResends(rec), int(s.requests.Load())
			if !slices.Equal(got, c.resends) || sent != c.sent {
				t.Errorf("resends %v, %d requests; want %v, %d\n%s", got, sent, c.resends, c.sent, rec.Tree())
			}
		})
	}
}

// hiddenResends lists rpc.hidden_resends of each attempt. No other span may have it.
func hiddenResends(rec *retrytest.Recorder) (resends []int64) {
	for _, span := range rec.Spans() {
		set := attribute.NewSet(span.Attributes()...)
		_, isAttempt := set.Value("retry.attempt")
		if n, ok := set.Value("rpc.hidden_resends"); isAttempt {
			resends = append(resends, n.AsInt64())
		} else if ok {
			resends = append(resends, -1)
		}
	}
	return resends
}

// The first attempt has no span of its own here, and the operation must not get its number.
func TestHiddenResendsFromTheFirstFailure(t *testing.T) {
	// The second attempt has a span, and is refused once.
	s := serveRaw(t, func(n int) action { return []action{refuse, hangUp, refuse, reply}[n-1] })
	policy := quick()
	policy.Spans = retry.FromFirstFailure
	ctx, rec := retrytest.Record(t, t.Context())
	_, err := call(ctx, dial(t, s.addr, retrygrpc.Options{Policy: policy}), "GetThing", "x")
	if got := hiddenResends(rec); err != nil || !slices.Equal(got, []int64{0, 1}) {
		t.Errorf("error %v, resends %v", err, got)
	}
}
