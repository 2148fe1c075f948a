// Grpc-client calls a gRPC service that fails now and then. What was asked twice, and why something was not, is in what
// it prints and in the trace.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "grpc-client", Discover: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.Shutdown(ctx)) }()

	orders, err := serve("127.0.0.1:0") // a real one is somewhere else
	if err != nil {
		return err
	}
	defer orders.Stop()

	policy := retry.Policy{MaxRetries: 2, BaseDelay: 10 * time.Millisecond}
	conn, err := grpc.NewClient(orders.address, append(retrygrpc.DialOptions(retrygrpc.Options{Policy: &policy}),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler()), // a CLIENT span below each attempt
	)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()

	ctx, span := otel.Tracer("grpc-client").Start(ctx, "check the orders")
	defer span.End()
	for _, method := range []string{
		"GetOrder",    // is busy at first, and says when to come back
		"GetInvoice",  // is not there: another attempt would find no more
		"ListOrders",  // does not get well
		"CreateOrder", // may have been done, though the answer is Unavailable
	} {
		reply, err := call(ctx, conn, method)
		fmt.Printf("%s: %q, requests: %d\n", method, reply, orders.requests(method))
		if e, ok := errors.AsType[*retry.Error](err); ok {
			fmt.Printf("  %v: %v\n", e.Reason, e.Err)
		}
	}
	return nil
}

// call stands for what protoc generates. It knows nothing of retries.
func call(ctx context.Context, conn *grpc.ClientConn, method string) (string, error) {
	var reply wrapperspb.StringValue
	err := conn.Invoke(ctx, "/shop.Orders/"+method, wrapperspb.String("7"), &reply)
	return reply.GetValue(), err
}

// An answer is what the service does with one request.
type answer struct {
	code     codes.Code
	text     string
	pushback string // milliseconds; empty: none
}

// script has the answers of each method, in their order. The last one repeats.
var script = map[string][]answer{
	"GetOrder": {
		{code: codes.ResourceExhausted, text: "busy", pushback: "30"},
		{code: codes.Unavailable, text: "restarting"},
		{text: "order 7"},
	},
	"GetInvoice":  {{code: codes.NotFound, text: "no invoice 7"}},
	"ListOrders":  {{code: codes.Unavailable, text: "the disk is away"}},
	"CreateOrder": {{code: codes.Unavailable, text: "connection to the database lost"}},
}

// A service is a gRPC server that answers by the script.
type service struct {
	*grpc.Server
	address string

	mu    sync.Mutex
	count map[string]int // requests, by method
}

func serve(address string) (*service, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &service{address: listener.Addr().String(), count: map[string]int{}}
	s.Server = grpc.NewServer(grpc.UnknownServiceHandler(s.handle))
	go func() {
		if err := s.Serve(listener); err != nil {
			log.Print(err)
		}
	}()
	return s, nil
}

func (s *service) handle(_ any, stream grpc.ServerStream) error {
	var request wrapperspb.StringValue
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	method, _ := grpc.MethodFromServerStream(stream)
	method = method[len("/shop.Orders/"):]
	s.mu.Lock()
	answers := script[method]
	a := answers[min(s.count[method], len(answers)-1)]
	s.count[method]++
	s.mu.Unlock()
	if a.code == codes.OK {
		return stream.SendMsg(wrapperspb.String(a.text))
	}
	if a.pushback != "" {
		stream.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", a.pushback))
	}
	return status.Error(a.code, a.text)
}

func (s *service) requests(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[method]
}
