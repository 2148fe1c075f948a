package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	middleware "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrygrpc"
)

// A grpcPeer is a way to retry the calls of a gRPC client.
type grpcPeer struct {
	name    string
	options []grpc.DialOption
}

const (
	oursGRPC    = "retrygrpc"
	builtInGRPC = "grpc-go's retryPolicy"
)

// grpcPeers are set up as their documentation shows it, with 3 retries and the shortest wait that they take: a
// nanosecond. The first is there to compare with.
var grpcPeers = []grpcPeer{
	{"grpc-go, which retries nothing", nil},
	{oursGRPC, retrygrpc.DialOptions(retrygrpc.Options{
		Policy:   &retry.Policy{MaxRetries: 3, BaseDelay: time.Nanosecond, MaxDelay: time.Nanosecond},
		Resend:   func(string) bool { return true }, // the peers ask nobody,
		NoBudget: true,                              // and have none
	})},
	{builtInGRPC, []grpc.DialOption{grpc.WithDefaultServiceConfig(`{"methodConfig": [{"name": [{}], "retryPolicy": {
		"maxAttempts": 4, "initialBackoff": "0.000000001s", "maxBackoff": "0.000000001s", "backoffMultiplier": 1,
		"retryableStatusCodes": ["UNAVAILABLE"]}}]}`)}},
	{"go-grpc-middleware", []grpc.DialOption{grpc.WithChainUnaryInterceptor(middleware.UnaryClientInterceptor(
		middleware.WithMax(4), middleware.WithBackoff(middleware.BackoffLinear(time.Nanosecond))))}},
}

// A grpcAnswers is a server that answers UNAVAILABLE so often in turn, and then OK.
type grpcAnswers struct {
	failures, seen int
}

func (a *grpcAnswers) answer() error {
	if a.seen < a.failures {
		a.seen++
		return status.Error(codes.Unavailable, "busy")
	}
	a.seen = 0
	return nil
}

const grpcMethod = "/bench.Prices/Get"

// serve answers calls of grpcMethod that come through listener.
func (a *grpcAnswers) serve(listener net.Listener) *grpc.Server {
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Prices",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Get", Handler: func(
			_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor,
		) (any, error) {
			if err := decode(&emptypb.Empty{}); err != nil {
				return nil, err
			}
			return &emptypb.Empty{}, a.answer()
		}}},
	}, a)
	go func() { _ = server.Serve(listener) }() // until Stop
	return server
}

// grpcCall returns what makes one call by the peer, to a server in this process, and what ends both.
func grpcCall(peer grpcPeer, failures int) (run func() error, end func() error, err error) {
	listener := bufconn.Listen(64 << 10)
	server := (&grpcAnswers{failures: failures}).serve(listener)
	conn, err := grpc.NewClient("passthrough:///bench", append([]grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	}, peer.options...)...)
	if err != nil {
		server.Stop()
		return nil, nil, err
	}
	run = func() error { return conn.Invoke(context.Background(), grpcMethod, &emptypb.Empty{}, &emptypb.Empty{}) }
	end = func() error {
		defer server.Stop()
		return conn.Close()
	}
	return run, end, nil
}

// measureGRPC runs the clients that retry beside a plain one, in an environment that is installed. Their server is in
// the same process, so its work is part of what is measured.
func measureGRPC(p *page, s sizes, env environment) error {
	p.title("gRPC calls: " + env.name)
	return errors.Join(
		compareGRPC(p, s, env, "success", 0, grpcPeers),
		compareGRPC(p, s, env, "one UNAVAILABLE, then a success", 1, grpcPeers[1:]),
	)
}

func compareGRPC(p *page, s sizes, env environment, what string, failures int, peers []grpcPeer) (err error) {
	var list []subject
	var ends []func() error
	defer func() {
		for _, end := range ends {
			err = errors.Join(err, end())
		}
	}()
	for _, peer := range peers {
		run, end, failed := grpcCall(peer, failures)
		if failed != nil {
			return fmt.Errorf("%s: %w", peer.name, failed)
		}
		ends = append(ends, end)
		if err := run(); err != nil {
			return fmt.Errorf("%s: %w", peer.name, err)
		}
		list = append(list, alone(peer.name, run))
	}
	results := measure(list, s.effort)
	standing := standingOf(results)
	p.results(what, results, base{"retryPolicy", standing[builtInGRPC]})
	if env.provider == nil {
		p.promise(fmt.Sprintf("%s, a call, %s: retrygrpc ÷ retryPolicy", env.name, what), 1.5,
			standing.ratio(oursGRPC, builtInGRPC), "×")
	}
	return nil
}
