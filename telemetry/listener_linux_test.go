package telemetry

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/backspan/backspan/internal/otelenv"
)

// listenAs listens as another user: the kernel takes a socket's user from the thread that makes it. Only root can.
func listenAs(t *testing.T, user int, address string) net.Listener {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(user); err != nil {
		t.Fatal(err)
	}
	defer unix.Setfsuid(os.Geteuid()) //nolint:errcheck // the user that it had
	return listen(t, "tcp", address)
}

// Whoever comes first may listen where a collector is looked for.
func TestAListenerOfAnotherUserIsNotTaken(t *testing.T) {
	if os.Getuid() != 0 {
		return // without a second user there is no listener of one
	}
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			listener := listenAs(t, 65534, address)
			c := &collector{}
			grpcCollector(t, c, listener)
			host := "127.0.0.1"
			if strings.HasPrefix(address, "[::1]") {
				host = "::1"
			}
			_, port, _ := net.SplitHostPort(listener.Addr().String())
			cfg := quiet(t)
			cfg.NoExport, cfg.Discover, cfg.discoverAt = false, true, net.JoinHostPort(host, port)
			tel := run(t, cfg)
			operation(t.Context(), tel.TracerProvider(), "data_load")
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			d := tel.Destination()
			if want := "user 65534 listens there"; d.State != ExportNotTrusted || !strings.Contains(d.String(), want) {
				t.Errorf("%q, want %q", d, want)
			}
			if c.calls != 0 {
				t.Error("it was sent spans")
			}
			// Who names it means it.
			cfg.Discover, cfg.Endpoint = false, "http://"+cfg.discoverAt
			cfg.Events = filepath.Join(t.TempDir(), "e.jsonl")
			exported(t, cfg)
		})
	}
}

// A stranger who takes the port over later gets nothing either.
func TestAPortThatAStrangerTookOverGetsNothing(t *testing.T) {
	if os.Getuid() != 0 {
		return // as above
	}
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf} {
		t.Run(protocol, func(t *testing.T) {
			cfg := quiet(t)
			cfg.NoExport, cfg.Discover, cfg.discoverAt, cfg.Protocol = false, true, closedPort(t), protocol
			stop := collectAt(t, &collector{}, protocol, cfg.discoverAt)
			tel := run(t, cfg)
			if tel.Destination().State != ExportOn {
				t.Fatalf("%+v", tel.Destination())
			}
			stop()
			listener := listenAs(t, 65534, cfg.discoverAt)
			defer listener.Close() //nolint:errcheck // it is of no use any more
			sent := make(chan int, 1)
			go func() {
				n := 0
				for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
					more, _ := conn.Read(make([]byte, 1))
					n += more
				}
				sent <- n
			}()
			operation(t.Context(), tel.TracerProvider(), "data_load")
			err := tel.Shutdown(context.WithoutCancel(t.Context()))
			if _, ok := errors.AsType[*ExportError](err); !ok || !strings.Contains(err.Error(), "user 65534 listens") {
				t.Errorf("Shutdown said %v, want that spans are lost, and to whom", err)
			}
			_ = listener.Close() // ends the loop
			if n := <-sent; n != 0 {
				t.Error("the stranger was sent something")
			}
		})
	}
}

func TestWhoTakesConnections(t *testing.T) {
	for _, c := range []struct {
		listener, at string
		want         bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true},
		{"127.0.0.1:1", "127.0.0.1:2", false},
		{"127.0.0.2:1", "127.0.0.1:1", false},
		{"0.0.0.0:1", "127.0.0.1:1", true},
		{"0.0.0.0:1", "[::1]:1", false},
		{"[::]:1", "127.0.0.1:1", true},
		{"[::]:1", "[::1]:1", true},
		{"[::ffff:127.0.0.1]:1", "127.0.0.1:1", true},
		{"[::1]:1", "127.0.0.1:1", false},
	} {
		if got := takes(netip.MustParseAddrPort(c.listener), netip.MustParseAddrPort(c.at)); got != c.want {
			t.Errorf("%s takes connections to %s: %v, want %v", c.listener, c.at, got, c.want)
		}
	}
}
