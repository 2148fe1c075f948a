package retrygrpc_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/retry/retrygrpc"
)

// A flakyHealth is unavailable for the first two calls.
type flakyHealth struct {
	health.UnimplementedHealthServer
	calls int
}

func (h *flakyHealth) Check(context.Context, *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	if h.calls++; h.calls < 3 {
		return nil, status.Error(codes.Unavailable, "starting")
	}
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}, nil
}

func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server, flaky := grpc.NewServer(), &flakyHealth{}
	health.RegisterHealthServer(server, flaky)
	go server.Serve(listener) //nolint:errcheck // ends with Stop
	defer server.Stop()

	options := retrygrpc.DialOptions(retrygrpc.Options{
		// The descriptor does not say that Check may be repeated.
		Resend: func(method string) bool {
			return method == health.Health_Check_FullMethodName || retrygrpc.Resend(method)
		},
	})
	conn, err := grpc.NewClient(listener.Addr().String(),
		append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the example is over

	reply, err := health.NewHealthClient(conn).Check(context.Background(), &health.HealthCheckRequest{})
	fmt.Println(reply.GetStatus(), "after", flaky.calls, "calls:", err)
	// Output: SERVING after 3 calls: <nil>
}
