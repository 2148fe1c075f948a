// A program that is not part of the project and retries its gRPC calls with it, as its users do.
package main

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

type flaky struct {
	health.UnimplementedHealthServer
	calls int
}

func (f *flaky) Check(context.Context, *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	if f.calls++; f.calls < 3 {
		return nil, status.Error(codes.Unavailable, "starting")
	}
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}, nil
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server, service := grpc.NewServer(), &flaky{}
	health.RegisterHealthServer(server, service)
	go server.Serve(listener) //nolint:errcheck // ends with the process

	conn, err := grpc.NewClient(listener.Addr().String(), append(
		retrygrpc.DialOptions(retrygrpc.Options{Resend: func(string) bool { return true }}),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		log.Fatal(err)
	}
	reply, err := health.NewHealthClient(conn).Check(context.Background(), &health.HealthCheckRequest{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.GetStatus(), "after", service.calls, "calls")
}
