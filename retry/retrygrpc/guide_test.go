package retrygrpc_test

import (
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/backspan/backspan/retry/retrygrpc"
)

func dialOrders(creds credentials.TransportCredentials) (*grpc.ClientConn, error) {
	return grpc.NewClient("dns:///orders.example.com:443", append(retrygrpc.DialOptions(retrygrpc.Options{
		Resend: func(method string) bool { // beside Get…, List… and what its descriptor calls idempotent
			return method == "/shop.Orders/Cancel" || retrygrpc.Resend(method)
		},
	}),
		grpc.WithTransportCredentials(creds),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler()), // a CLIENT span below each attempt
	)...)
}

// The guide shows the function above, and it works.
func TestGuide(t *testing.T) {
	conn, err := dialOrders(insecure.NewCredentials())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it was never connected

	source, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(guide), "<!-- of: retry/retrygrpc/guide_test.go -->\n```go\n")
	shown, _, closed := strings.Cut(shown, "```")
	if !found || !closed || !strings.Contains(string(source), "\n"+shown) {
		t.Errorf("the guide shows what is not here:\n%s", shown)
	}
}
