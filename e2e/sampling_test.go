package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/e2e/internal/program"
)

const (
	retriedTraces = 200
	cleanTraces   = 1000
	lateTraces    = 20
)

// deploy/collector.yaml, run by a real collector between the programs and Jaeger: every trace with a retry arrives
// whole, in whatever order its spans come and however late, and of the clean ones the share.
func TestCollectorKeepsWhatWasRetried(t *testing.T) {
	t.Parallel()
	c := startCollector(t)

	var retried, clean []any
	for n := range retriedTraces {
		retried = append(retried, retriedTrace(n)...)
	}
	for n := range cleanTraces {
		clean = append(clean, cleanTrace(n)...)
	}
	all := append(retried, clean...)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for batch := range slices.Chunk(all, 100) {
		c.send(t, batch...)
	}

	// These were decided on before their end, one way or the other.
	for n := range lateTraces {
		c.send(t, span(lateID(n), 1, 0, "GET /price", nil))
		c.send(t, failedAttempt(waitingID(n), 1, 2))
	}
	waitFor(t, "the beginnings of the late traces", func() bool {
		return len(found(t, "retry.result=retrying", waitingPrefix)) == lateTraces
	})
	// The last trace that was dropped is still remembered: others take its place.
	for n := range lateTraces {
		c.send(t, cleanTrace(cleanTraces+n)...)
	}
	c.send(t, failedAttempt(waitingID(lateTraces), 1, 2))
	waitFor(t, "what came after them", func() bool {
		return len(found(t, "retry.result=retrying", waitingPrefix)) == lateTraces+1
	})
	for n := range lateTraces {
		c.send(t, failedAttempt(lateID(n), 3, 2), operation(lateID(n), 2, 1, 2))
		c.send(t, operation(waitingID(n), 2, 0, 2))
	}

	secret := traceID(secretPrefix, 0)
	c.send(t, span(secret, 1, 0, "POST /login", m{
		"http.request.header.authorization": "Bearer c2VjcmV0LXRva2Vu", "url.full": "https://bob:hunter22@example.com/",
		"user.token": "t0k3n", "gen_ai.usage.input_tokens": "1204", "retry.attempts": 2,
	}))

	demo := runDemo(t, 0, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + c.grpc}, "--scenario", "flaky")
	c.stop(t) // what waits is decided on and sent

	for n := range retriedTraces {
		trace, err := collector.Trace(t.Context(), traceID(retriedPrefix, n))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(trace.All()), len(retriedTrace(n)); got != want {
			t.Errorf("trace %d has %d spans, want %d:\n%s", n, got, want, trace.Tree())
		}
	}
	// With a share of 10 % fewer than 50 or more than 150 of 1,000 come once in ten million runs.
	if kept := len(found(t, "retry.outcome=success", cleanPrefix)); kept < 50 || kept > 150 {
		t.Errorf("%d of %d clean traces were kept, want a tenth", kept, cleanTraces+lateTraces)
	}
	for n := range lateTraces {
		if trace, err := collector.Trace(t.Context(), waitingID(n)); err != nil {
			t.Error(err)
		} else if len(trace.All()) != 2 {
			t.Errorf("an operation that ended after the decision is not whole:\n%s", trace.Tree())
		}
	}
	if got := len(found(t, "retry.retried=true", latePrefix)); got != lateTraces {
		t.Errorf("of %d traces that were retried after they had been dropped, %d are there", lateTraces, got)
	}

	root, err := collector.Trace(t.Context(), demo.traceID(t))
	if err != nil {
		t.Fatal(err)
	}
	checkTrace(t, demo, root)
	checkEvents(t, demo, root)

	login, err := collector.Trace(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(login.Attributes)
	for _, s := range []string{"c2VjcmV0LXRva2Vu", "hunter22", "t0k3n"} {
		if strings.Contains(text, s) {
			t.Errorf("%s is not masked in %s", s, text)
		}
	}
	if got := login.Attributes["gen_ai.usage.input_tokens"]; got != "1204" {
		t.Errorf("a number of tokens became %v", got)
	}
}

// The traces of the test are told apart by how their ids begin.
const (
	retriedPrefix = 0xa1
	cleanPrefix   = 0xa2
	latePrefix    = 0xa3
	waitingPrefix = 0xa4
	secretPrefix  = 0xa5
)

const sampledService = "sampled-service"

func traceID(prefix, n int) string {
	random := rand.New(rand.NewPCG(uint64(prefix), uint64(n)))
	return fmt.Sprintf("%02x%014x%016x", prefix, random.Uint64()>>8, random.Uint64())
}

func lateID(n int) string    { return traceID(latePrefix, n) }
func waitingID(n int) string { return traceID(waitingPrefix, n) }

// found returns the ids with the prefix of the traces in Jaeger that the search key=value finds.
func found(t *testing.T, search string, prefix int) []string {
	t.Helper()
	key, value, _ := strings.Cut(search, "=")
	ids, err := collector.Search(t.Context(), sampledService, map[string]string{key: value})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, fmt.Sprintf("%02x", prefix)) })
}

type m = map[string]any

// retriedTrace is a request in which an operation was retried, in one of the ways that have to be kept.
func retriedTrace(n int) []any {
	id := traceID(retriedPrefix, n)
	request := span(id, 1, 0, "GET /price", nil)
	switch n % 4 {
	case 0: // all of it was exported
		return []any{
			request, operation(id, 2, 1, 2), failedAttempt(id, 3, 2),
			span(id, 4, 2, "load", m{"backspan.kind": "attempt", "retry.attempt": 2, "retry.result": "success"}),
		}
	case 1: // the failed attempt was lost
		return []any{request, operation(id, 2, 1, 3)}
	case 2: // the phase of a run whose fallback helped
		return []any{request, span(id, 2, 1, "fallback", m{"backspan.kind": "fallback", "retry.result": "success"})}
	}
	// The server's side alone: its caller is not traced.
	return []any{span(id, 1, 0, "GET /stock", m{"retry.resend": true})}
}

func cleanTrace(n int) []any {
	id := traceID(cleanPrefix, n)
	return []any{
		span(id, 1, 0, "GET /price", nil),
		span(id, 2, 1, "load", m{"backspan.kind": "operation", "retry.attempts": 1, "retry.outcome": "success"}),
	}
}

func operation(id string, number, parent, attempts int) any {
	return span(id, number, parent, "load", m{
		"backspan.kind": "operation", "retry.attempts": attempts, "retry.retried": true, "retry.outcome": "recovered",
	})
}

func failedAttempt(id string, number, parent int) any {
	s := span(id, number, parent, "load", m{"backspan.kind": "attempt", "retry.attempt": 1, "retry.result": "retrying"})
	s["status"] = m{"code": 2, "message": "connection refused"}
	return s
}

// span is a span in OTLP JSON. Its number in the trace is its id, and that of a parent 0 means the root.
func span(id string, number, parent int, name string, attributes m) m {
	var encoded []m
	for key, value := range attributes {
		v := m{"stringValue": value}
		switch value := value.(type) {
		case bool:
			v = m{"boolValue": value}
		case int:
			v = m{"intValue": fmt.Sprint(value)}
		}
		encoded = append(encoded, m{"key": key, "value": v})
	}
	start := time.Now().Add(-time.Second).UnixNano()
	s := m{
		"traceId": id, "spanId": fmt.Sprintf("%016x", number), "name": name, "kind": 1, "attributes": encoded,
		"startTimeUnixNano": fmt.Sprint(start), "endTimeUnixNano": fmt.Sprint(start + int64(time.Millisecond)),
	}
	if parent != 0 {
		s["parentSpanId"] = fmt.Sprintf("%016x", parent)
	}
	return s
}

// A samplingCollector is a running OpenTelemetry Collector. Its addresses are host:port on loopback.
type samplingCollector struct {
	grpc, http string
	running    *program.Process
}

// startCollector builds the collector, which takes minutes the first time, and runs it with deploy/collector.yaml. It
// decides after three seconds and sends to the Jaeger of the tests.
func startCollector(t *testing.T) samplingCollector {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "collector")
	must(t, program.Command{
		Path: "go", Args: []string{"build", "-o", binary, "."}, Dir: filepath.Join(root, "tools", "collector"),
		Env: map[string]string{"GOWORK": "off"},
	})
	c := samplingCollector{grpc: closedPort(t), http: closedPort(t)}
	c.running = runUntilTheEnd(t, program.Command{
		Path: binary, Dir: dir,
		Args: []string{
			"--config=" + filepath.Join(root, "deploy", "collector.yaml"),
			"--set=processors.tail_sampling.decision_wait=3s", "--set=service.telemetry.metrics.level=none",
		},
		Env: map[string]string{
			"COLLECTOR_GRPC": c.grpc, "COLLECTOR_HTTP": c.http,
			"COLLECTOR_TO": collector.OTLPGRPC, "COLLECTOR_TO_INSECURE": "true",
		},
	})
	waitForStart(t, "a collector that is ready", c.running, func() bool { return answers(t, c.http) })
	return c
}

// send posts spans to the collector, which has taken them when this returns.
func (c samplingCollector) send(t *testing.T, spans ...any) {
	t.Helper()
	body, err := json.Marshal(m{"resourceSpans": []m{{
		"resource":   m{"attributes": []m{{"key": "service.name", "value": m{"stringValue": sampledService}}}},
		"scopeSpans": []m{{"scope": m{"name": "a scope"}, "spans": spans}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.http+"/v1/traces",
		bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the collector answered %s: %s (%v)", response.Status, text, err)
	}
}

// stop ends the collector, which first decides on what it holds and sends it.
func (c samplingCollector) stop(t *testing.T) {
	t.Helper()
	if err := c.running.Stop(20 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, c.running.Stderr())
	}
}
