package jaeger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/backspan/backspan/e2e/internal/program"
)

const (
	startTries     = 3                // another process may take a free port before Jaeger does
	startTimeout   = 30 * time.Second // usually 0.2 s
	stopTimeout    = 10 * time.Second // usually 0.1 s
	requestTimeout = 30 * time.Second
	pollEvery      = 20 * time.Millisecond
)

// Binary finds the Jaeger binary: the file that BACKSPAN_JAEGER names, else the tool of the module in dir, which
// takes minutes to build the first time and is cached by the go command afterwards.
func Binary(ctx context.Context, dir string) (string, error) {
	if path := os.Getenv("BACKSPAN_JAEGER"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("BACKSPAN_JAEGER must name a Jaeger v2 binary: %w", err)
		}
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "go", "-C", dir, "tool", "-n", "jaeger")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("no Jaeger binary; `make jaeger-build` says more: %w\n%s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// A Server is a running Jaeger. Its addresses are host:port on loopback.
type Server struct {
	OTLPGRPC string // takes spans over gRPC
	OTLPHTTP string // takes spans over HTTP, at /v1/traces
	Query    string // the UI's own address: answers /api/v3 and /api

	client  *http.Client
	process *program.Process
}

// Start runs the binary with the configuration file and returns when Jaeger is ready. Stop must be called; when ctx
// ends, Jaeger is killed.
func Start(ctx context.Context, binary, config string) (*Server, error) {
	var errs []error
	for range startTries {
		s, err := startOnce(ctx, binary, config)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func startOnce(ctx context.Context, binary, config string) (*Server, error) {
	addrs, err := freeAddrs(5)
	if err != nil {
		return nil, err
	}
	s := &Server{
		OTLPGRPC: addrs[0], OTLPHTTP: addrs[1], Query: addrs[2],
		client: &http.Client{Transport: &http.Transport{}, Timeout: requestTimeout},
	}
	command := program.Command{Path: binary, Args: []string{
		"--config", config,
		"--set=receivers.otlp.protocols.grpc.endpoint=" + s.OTLPGRPC,
		"--set=receivers.otlp.protocols.http.endpoint=" + s.OTLPHTTP,
		"--set=extensions.jaeger_query.http.endpoint=" + s.Query,
		"--set=extensions.jaeger_query.grpc.endpoint=" + addrs[3],
		"--set=extensions.healthcheckv2.http.endpoint=" + addrs[4],
	}}
	if s.process, err = command.Start(ctx); err != nil {
		return nil, err
	}
	if err := s.ready(ctx, "http://"+addrs[4]+"/status"); err != nil {
		return nil, errors.Join(fmt.Errorf("jaeger did not become ready: %w", err), s.Stop(), errors.New(s.Log()))
	}
	return s, nil
}

func (s *Server) ready(ctx context.Context, health string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		_, err := s.get(ctx, health)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.process.Done():
			return errors.New("it exited")
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %w)", ctx.Err(), err)
		}
	}
}

// Stop ends Jaeger and returns when it is gone.
func (s *Server) Stop() error {
	s.client.CloseIdleConnections()
	return s.process.Stop(stopTimeout)
}

// Log is what Jaeger has written so far.
func (s *Server) Log() string { return s.process.Stdout() + s.process.Stderr() }

// Send gives Jaeger traces in OTLP JSON. When it returns they are stored.
func (s *Server) Send(ctx context.Context, traces []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.OTLPHTTP+"/v1/traces",
		bytes.NewReader(traces))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	_, err = s.do(req)
	return err
}

func (s *Server) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return s.do(req)
}

// do returns the body of a 200 answer; any other answer is an error that quotes it.
func (s *Server) do(req *http.Request) (body []byte, err error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %s", req.Method, req.URL, resp.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

// freeAddrs finds n loopback addresses that were free a moment ago. They are held until all are found, so that they
// differ.
func freeAddrs(n int) ([]string, error) {
	addrs := make([]string, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() //nolint:errcheck,revive // held on purpose until all are found
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}
