package e2e

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backspan/backspan/e2e/internal/program"
)

// The default addresses of a collector and of Jaeger's pages.
const (
	wellKnownOTLP = "127.0.0.1:4317"
	wellKnownUI   = "127.0.0.1:16686"
)

// ends are environments of the program that send its spans to different ends.
func ends(t *testing.T) map[string]map[string]string {
	t.Helper()
	return map[string]map[string]string{
		"Jaeger":        toJaeger(),
		"a closed port": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + closedPort(t)},
		"a blackhole":   {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + blackhole(t)},
		"a blackhole for HTTP": {
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + blackhole(t), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		},
		"nothing sampled": {
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + collector.OTLPGRPC, "OTEL_TRACES_SAMPLER": "always_off",
		},
	}
}

// noCollector is the environment that the others are compared with: nothing is exported.
func noCollector() map[string]string { return map[string]string{"OTEL_TRACES_EXPORTER": "none"} }

// The exit code and the events are the same wherever the spans go.
func TestCollectorChangesNothing(t *testing.T) {
	for scenario, code := range map[string]int{"flaky": 0, "outage": 1} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			none := runDemo(t, code, noCollector(), "--scenario", scenario)
			for name, env := range ends(t) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r := runDemo(t, code, env, "--scenario", scenario)
					if got, want := r.comparable(), none.comparable(); !reflect.DeepEqual(got, want) {
						t.Errorf("events:\n%v\nwithout a collector:\n%v", got, want)
					}
				})
			}
		})
	}
}

// A run takes at most two seconds longer, wherever the spans go. The runs are made one after another, so that they do
// not slow each other down. The flaky scenario also exports while the pipeline is running.
func TestCollectorCostsLittleTime(t *testing.T) {
	const most = 2 * time.Second
	for _, scenario := range []string{"healthy", "flaky"} {
		none := runDemo(t, 0, noCollector(), "--scenario", scenario)
		for name, env := range ends(t) {
			if scenario == "flaky" && name != "a closed port" && name != "a blackhole" {
				continue
			}
			r := runDemo(t, 0, env, "--scenario", scenario)
			t.Logf("%s, %s: %v longer", scenario, name, r.Took-none.Took)
			if longer := r.Took - none.Took; longer > most {
				t.Errorf("%s, %s: %v longer than without a collector, want at most %v: %v",
					scenario, name, longer, most, r.Result)
			}
		}
	}
}

func TestWhatIsNotSampledIsNotExported(t *testing.T) {
	env := toJaeger()
	env["OTEL_TRACES_SAMPLER"] = "always_off"
	r := runDemo(t, 0, env, "--scenario", "healthy")
	ids, err := collector.Search(t.Context(), service, map[string]string{"session.id": r.report.SessionID})
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != 0 {
		t.Errorf("found %v", ids)
	}
}

// With nothing set, a collector on the well-known port is found, and where there is none a line says how to get one.
func TestCollectorIsFoundByItself(t *testing.T) {
	command := program.Command{Path: backspan, Args: []string{"demo", "--scenario", "healthy"}, Dir: t.TempDir()}
	alone := must(t, command)
	image := composeService(t, "jaeger").Image
	if output := alone.Stdout + alone.Stderr; !strings.Contains(output, image) {
		t.Errorf("it does not say how to start %s: %v", image, alone)
	}

	forward(t, wellKnownOTLP, collector.OTLPGRPC)
	forward(t, wellKnownUI, collector.Query)
	command.Dir = t.TempDir()
	found := must(t, command)
	events := readEvents(t, filepath.Join(command.Dir, eventsFile))
	id := run{events: events}.traceID(t)
	if _, err := collector.Trace(t.Context(), id); err != nil {
		t.Errorf("%v: %v", err, found)
	}
	if output := found.Stdout + found.Stderr; !strings.Contains(output, "http://localhost:16686/trace/"+id) {
		t.Errorf("it does not say where to look at the trace %s: %v", id, found)
	}
}

// Each line of the trace file is a message that Jaeger takes, and together they are the whole trace.
func TestTraceFileOpensInJaeger(t *testing.T) {
	t.Parallel()
	r := runDemo(t, 0, map[string]string{"OTEL_TRACES_EXPORTER": "none"}, "--trace-file", "trace.json")
	content, err := os.ReadFile(filepath.Join(r.dir, "trace.json"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		if err := collector.Send(t.Context(), line); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	root, err := collector.Trace(t.Context(), r.traceID(t))
	if err != nil {
		t.Fatal(err)
	}
	checkTrace(t, r, root)
	checkEvents(t, r, root)
}

// closedPort is an address on which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// answers reports whether something listens there.
func answers(t *testing.T, address string) bool {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address)
	if err == nil {
		err = conn.Close()
	}
	return err == nil
}

// blackhole is an address that takes connections and never answers.
func blackhole(t *testing.T) string {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	serve(t, l, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	return l.Addr().String()
}

// forward passes connections to the address from on to the address to.
func forward(t *testing.T, from, to string) {
	t.Helper()
	serve(t, listen(t, from), func(in net.Conn) {
		out, err := net.Dial("tcp", to) //nolint:noctx // loopback
		if err != nil {
			t.Error(err)
			return
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
		_, _ = io.Copy(in, out)
		_ = in.Close()
		both.Wait()
	})
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the test needs the port for itself; is a collector running? %v", err)
	}
	return l
}

// serve gives each connection to handle, until the test ends.
func serve(t *testing.T, l net.Listener, handle func(net.Conn)) {
	t.Helper()
	var connections sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	connections.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed below
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			connections.Go(func() { handle(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		connections.Wait()
	})
}
