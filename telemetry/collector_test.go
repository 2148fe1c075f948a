package telemetry

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // to read what clients compress
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// A collector receives OTLP over gRPC or HTTP, on a loopback port or a socket.
type collector struct {
	coltracepb.UnimplementedTraceServiceServer
	answer func(call int) (*coltracepb.ExportTraceServiceResponse, int, error) // nil: takes everything
	// bytes that it takes at once; 0: no bound
	most  int
	later string // Retry-After of a refusal over HTTP

	mu       sync.Mutex
	calls    int
	requests []*coltracepb.ExportTraceServiceRequest
	headers  []map[string][]string
	paths    []string
}

func (c *collector) receive(request *coltracepb.ExportTraceServiceRequest, headers map[string][]string, path string) (
	*coltracepb.ExportTraceServiceResponse, int, error,
) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.headers = append(c.headers, headers)
	c.paths = append(c.paths, path)
	response, status, err := &coltracepb.ExportTraceServiceResponse{}, http.StatusOK, error(nil)
	if c.answer != nil {
		response, status, err = c.answer(c.calls)
	}
	if c.most > 0 && proto.Size(request) > c.most {
		status, err = http.StatusRequestEntityTooLarge, grpcstatus.Error(codes.ResourceExhausted, "too large")
	}
	if err == nil && status == http.StatusOK {
		c.requests = append(c.requests, request)
	}
	return response, status, err
}

// Export is the gRPC service.
func (c *collector) Export(ctx context.Context, request *coltracepb.ExportTraceServiceRequest) (
	*coltracepb.ExportTraceServiceResponse, error,
) {
	md, _ := metadata.FromIncomingContext(ctx)
	response, _, err := c.receive(request, md, "")
	return response, err
}

// ServeHTTP is the HTTP service, in protobuf and JSON.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	data, err := io.ReadAll(body)
	request := &coltracepb.ExportTraceServiceRequest{}
	inJSON := r.Header.Get("Content-Type") == "application/json"
	switch {
	case err != nil:
	case inJSON:
		err = protojson.Unmarshal(base64IDs(data), request)
	default:
		err = proto.Unmarshal(data, request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, status, err := c.receive(request, r.Header, r.URL.Path)
	if err != nil || status != http.StatusOK {
		if c.later != "" {
			w.Header().Set("Retry-After", c.later)
		}
		http.Error(w, "not now", status)
		return
	}
	if inJSON {
		w.Header().Set("Content-Type", "application/json")
		data, err = protojson.Marshal(response)
	} else {
		w.Header().Set("Content-Type", "application/x-protobuf")
		data, err = proto.Marshal(response)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(data)
}

var hexID = regexp.MustCompile(`("(?:traceId|spanId|parentSpanId)":\s*)"([0-9a-f]*)"`)

// base64IDs rewrites OTLP's hexadecimal ids to what protojson reads.
func base64IDs(data []byte) []byte {
	return hexID.ReplaceAllFunc(data, func(match []byte) []byte {
		parts := hexID.FindSubmatch(match)
		id, err := hex.DecodeString(string(parts[2]))
		if err != nil {
			return match // protojson will say so
		}
		return append(parts[1], `"`+base64.StdEncoding.EncodeToString(id)+`"`...)
	})
}

// spans are the spans received, in order.
func (c *collector) spans() (list []*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, request := range c.requests {
		for _, rs := range request.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				list = append(list, ss.GetSpans()...)
			}
		}
	}
	return list
}

func (c *collector) names() (names []string) {
	for _, span := range c.spans() {
		names = append(names, span.GetName())
	}
	slices.Sort(names)
	return names
}

// resource is the resource of the first request, as text.
func (c *collector) resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := make(map[string]string)
	if len(c.requests) > 0 {
		for _, kv := range c.requests[0].GetResourceSpans()[0].GetResource().GetAttributes() {
			found[kv.GetKey()] = kv.GetValue().GetStringValue()
			if n, ok := kv.GetValue().GetValue().(*commonpb.AnyValue_IntValue); ok {
				found[kv.GetKey()] = strconv.FormatInt(n.IntValue, 10)
			}
		}
	}
	return found
}

func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// grpcCollector serves c on listener until the test ends.
func grpcCollector(t testing.TB, c *collector, listener net.Listener, options ...grpc.ServerOption) {
	t.Helper()
	server := grpc.NewServer(options...)
	coltracepb.RegisterTraceServiceServer(server, c)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	})
}

// httpCollector serves c on a loopback port until the test ends, and returns host:port.
func httpCollector(t testing.TB, c *collector) string {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// blackhole accepts connections and never answers.
func blackhole(t testing.TB) string {
	t.Helper()
	listener := listen(t, "tcp", "127.0.0.1:0")
	var connections []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections = append(connections, conn)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
		for _, conn := range connections {
			_ = conn.Close()
		}
	})
	return listener.Addr().String()
}

// closedPort is an address where nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	listener := listen(t, "tcp", "127.0.0.1:0")
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}
