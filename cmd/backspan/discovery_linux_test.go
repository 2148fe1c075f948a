package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// ownNetwork moves the test's thread, and the processes that it starts, into a network with nothing but loopback, where
// port 4317 is free. The thread ends with the test.
func ownNetwork(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket) //nolint:errcheck // it was only asked
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	loopback.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
		t.Fatal(err)
	}
}

// Whoever comes first listens where backspan looks for a collector. Another user gets neither spans nor credentials,
// a process of the same user gets spans alone, and doctor says what was decided.
func TestACollectorOfAnotherUserIsNotTaken(t *testing.T) {
	if os.Getuid() != 0 {
		return // without a second user there is no listener of one
	}
	for _, c := range []struct {
		name   string
		user   int
		spans  bool
		doctor string
	}{
		{"another user", 65534, false, "not sent: user 65534 listens there, who is neither this user nor root"},
		{"the same user", 0, true, "x-api-key is not sent (BACKSPAN_OTLP_HEADER): a collector that was only found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ownNetwork(t)
			if err := unix.Setfsuid(c.user); err != nil { // of this thread, and so of the socket that it makes
				t.Fatal(err)
			}
			listener, err := net.Listen("tcp", "localhost:4318")
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.Setfsuid(0); err != nil {
				t.Fatal(err)
			}
			var requests, keys atomic.Int64
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					requests.Add(1)
				}
				if r.Header.Get("X-Api-Key") != "" {
					keys.Add(1)
				}
				w.Header().Set("Content-Type", "application/x-protobuf")
			})}
			go func() { _ = server.Serve(listener) }() // it ends with Close
			defer server.Close()                       //nolint:errcheck // what came is counted

			for _, verb := range [][]string{{"exec", "--", "true"}, {"demo"}, {"doctor"}} {
				requests.Store(0)
				command := exec.CommandContext(t.Context(), "backspan", verb...)
				command.Dir = t.TempDir()
				command.Env = append(os.Environ(), "BACKSPAN_CONFIG=off", "BACKSPAN_OTLP_HEADER=x-api-key=s3cret",
					"OTEL_TRACES_EXPORTER=", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
				output, _ := command.CombinedOutput() // doctor finds problems
				if got := requests.Load() > 0; got != c.spans || keys.Load() != 0 {
					t.Errorf("%s: it got spans: %v, want %v; %d keys\n%s", verb, got, c.spans, keys.Load(), output)
				}
				if verb[0] == "doctor" && !strings.Contains(string(output), c.doctor) {
					t.Errorf("doctor does not say %q\n%s", c.doctor, output)
				}
				if verb[0] == "demo" && !c.spans && !strings.Contains(string(output), "user 65534 listens there") {
					t.Errorf("demo does not say who listens\n%s", output)
				}
			}
		})
	}
}
