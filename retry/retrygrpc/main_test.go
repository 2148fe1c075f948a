package retrygrpc_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const service = "/backspan.test.Things/"

// The descriptor of that service, as generated code would register it.
func init() {
	method := func(name string, level descriptorpb.MethodOptions_IdempotencyLevel) *descriptorpb.MethodDescriptorProto {
		text := proto.String(".google.protobuf.StringValue")
		return &descriptorpb.MethodDescriptorProto{
			Name: proto.String(name), InputType: text, OutputType: text,
			Options: &descriptorpb.MethodOptions{IdempotencyLevel: level.Enum()},
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("backspan/test/things.proto"), Package: proto.String("backspan.test"),
		Syntax: proto.String("proto3"), Dependency: []string{"google/protobuf/wrappers.proto"},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("Things"),
			Method: []*descriptorpb.MethodDescriptorProto{
				method("Mark", descriptorpb.MethodOptions_IDEMPOTENT),
				method("Peek", descriptorpb.MethodOptions_NO_SIDE_EFFECTS),
				method("Create", descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN),
			},
		}},
	}, protoregistry.GlobalFiles)
	if err == nil {
		err = protoregistry.GlobalFiles.RegisterFile(file)
	}
	if err != nil {
		panic(err)
	}
}

// A request is one that arrived.
type request struct {
	grpc.ServerStream
	n      int // which one, from 1
	method string
	text   string
	header metadata.MD
}

func (r request) reply(text string) error { return r.SendMsg(wrapperspb.String(text)) }

// A server is a real gRPC server that answers every method by one function.
type server struct {
	*grpc.Server
	addr   string
	answer func(request) error
	stream bool // the answer reads the requests itself

	mu       sync.Mutex
	requests []request
}

func serve(t *testing.T, answer func(request) error) *server {
	t.Helper()
	s := &server{answer: answer}
	s.listen(t, "127.0.0.1:0")
	return s
}

func (s *server) listen(t *testing.T, addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	s.Server = grpc.NewServer(grpc.UnknownServiceHandler(s.handle))
	ended := make(chan error, 1)
	server := s.Server
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (s *server) handle(_ any, stream grpc.ServerStream) error {
	r := request{ServerStream: stream}
	r.method, _ = grpc.MethodFromServerStream(stream)
	r.header, _ = metadata.FromIncomingContext(stream.Context())
	if !s.stream {
		var m wrapperspb.StringValue
		if err := stream.RecvMsg(&m); err != nil {
			return err
		}
		r.text = m.GetValue()
	}
	s.mu.Lock()
	r.n = len(s.requests) + 1
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	return s.answer(r)
}

func (s *server) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// failing answers the first n requests with err.
func failing(n int, err error) func(request) error {
	return func(r request) error {
		if r.n <= n {
			return err
		}
		return r.reply("answer to " + r.text)
	}
}

var unavailable = status.Error(codes.Unavailable, "back soon")

// quick is a policy whose waits are short.
func quick() *retry.Policy { return &retry.Policy{MaxRetries: 2, BaseDelay: time.Millisecond} }

// patient is a policy that does not give up, and does not wait long either.
func patient() *retry.Policy {
	return &retry.Policy{MaxRetries: retry.Unlimited, BaseDelay: time.Millisecond, Multiplier: 1}
}

// endless is a policy whose waits do not end within a test.
func endless() *retry.Policy {
	return &retry.Policy{MaxRetries: 2, BaseDelay: time.Hour, MaxDelay: time.Hour}
}

func dial(t *testing.T, addr string, o retrygrpc.Options, more ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	return connect(t, addr, append(retrygrpc.DialOptions(o), more...)...)
}

func connect(t *testing.T, addr string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: time.Millisecond},
			MinConnectTimeout: 20 * time.Second,
		}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func call(ctx context.Context, conn *grpc.ClientConn, method, text string, opts ...grpc.CallOption) (string, error) {
	var reply wrapperspb.StringValue
	err := conn.Invoke(ctx, service+method, wrapperspb.String(text), &reply, opts...)
	return reply.GetValue(), err
}

// nobody returns an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // it accepts nothing
	return listener.Addr().String()
}
