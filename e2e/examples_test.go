package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/e2e/internal/jaeger"
	"github.com/backspan/backspan/e2e/internal/program"
)

// An example is a program below examples, how to draw its traces, and the drawing.
type example struct {
	dir   string
	draw  func([]*jaeger.Span) string
	story string
}

var examples = []example{
	{"examples/first-retry", exactly, `
market_data_fetch: recovered, attempts: 3
  attempt 1: retrying, *errors.errorString
  attempt 2 after 10ms: retrying, *errors.errorString
  attempt 3 after 20ms: success
`},
	{"examples/non-retryable", exactly, `
read_config: permanent, *errors.errorString, attempts: 1
  attempt 1: failed, *errors.errorString
call_exchange: not_retryable, *errors.errorString, attempts: 2
  attempt 1: retrying, *errors.errorString
  attempt 2: failed, *errors.errorString
`},
	{"examples/own-service", exactly, `
import
  load_prices: recovered, attempts: 3
    attempt 1: retrying, *errors.errorString
    attempt 2 after 20ms: retrying, *errors.errorString
    attempt 3 after 40ms: success
`},
	{"examples/phase-recovery", exactly, `
nightly: success
  data_preparation: success
    attempt 1: retrying, *errors.errorString
    recovery 1 after 20ms: retrying, *errors.errorString
    recovery 2 after 40ms: success
  analysis: success
    attempt 1: success
`},
	{"examples/rest-client", roughly, `
GET 127.0.0.1: recovered, attempts: 3
  attempt 1: retrying, 503
  attempt 2 after a wait: retrying, 503
  attempt 3 after a wait: success
GET 127.0.0.1: success, attempts: 1
  attempt 1: success
POST 127.0.0.1: not_retryable, 503, attempts: 1
  attempt 1: failed, 503
`},
	{"examples/llm-api", roughly, `
POST 127.0.0.1: recovered, attempts: 3
  attempt 1: retrying, 429
  attempt 2 after a wait: retrying, 529
  attempt 3 after a wait: success
POST 127.0.0.1: success, attempts: 1
  attempt 1: success
`},
	// 100 jobs while the service is well, and 100 that share 10 retries.
	{"examples/worker-pool", sums, `
failed operations: 100, attempts: 110
operations that succeeded: 100, attempts: 100
`},
	{"examples/backends/grpc-client", exactly, `
check the orders
  shop.Orders/GetOrder: recovered, attempts: 3
    attempt 1: retrying, RESOURCE_EXHAUSTED
      shop.Orders/GetOrder (kind 3)
    attempt 2 after 30ms: retrying, UNAVAILABLE
      shop.Orders/GetOrder (kind 3)
    attempt 3 after 20ms: success
      shop.Orders/GetOrder (kind 3)
  shop.Orders/GetInvoice: not_retryable, NOT_FOUND, attempts: 1
    attempt 1: failed, NOT_FOUND
      shop.Orders/GetInvoice (kind 3)
  shop.Orders/ListOrders: exhausted, UNAVAILABLE, attempts: 3
    attempt 1: retrying, UNAVAILABLE
      shop.Orders/ListOrders (kind 3)
    attempt 2 after 10ms: retrying, UNAVAILABLE
      shop.Orders/ListOrders (kind 3)
    attempt 3 after 20ms: failed, UNAVAILABLE
      shop.Orders/ListOrders (kind 3)
  shop.Orders/CreateOrder: not_retryable, UNAVAILABLE, attempts: 1
    attempt 1: failed, UNAVAILABLE
      shop.Orders/CreateOrder (kind 3)
`},
	{"examples/backends/database", exactly, `
a night at the hospital
  go_home: recovered, attempts: 2
    attempt 1: retrying, 40001
    attempt 2 after 10ms: success
  go_home: success, attempts: 1
    attempt 1: success
  add_invoice: permanent, 23505, attempts: 1
    attempt 1: failed, 23505
  add_invoices: recovered, attempts: 2
    attempt 1: retrying, broken_pipe
    attempt 2 after 10ms: success
`},
	{"examples/backends/breaker", roughly, `
three ways
  below
    get_rates: exhausted, 500, attempts: 3
      attempt 1: retrying, 500
      attempt 2 after a wait: retrying, 500
      attempt 3 after a wait: failed, 500
    get_rates: not_retryable, *errors.errorString, attempts: 2
      attempt 1: retrying, 500
      attempt 2 after a wait: failed, *errors.errorString
    get_rates: not_retryable, *errors.errorString, attempts: 1
      attempt 1: failed, *errors.errorString
    get_rates: not_retryable, *errors.errorString, attempts: 1
      attempt 1: failed, *errors.errorString
    get_rates: not_retryable, *errors.errorString, attempts: 1
      attempt 1: failed, *errors.errorString
  around
    get_rates: exhausted, 500, attempts: 3
      attempt 1: retrying, 500
      attempt 2 after a wait: retrying, 500
      attempt 3 after a wait: failed, 500
    get_rates: exhausted, 500, attempts: 3
      attempt 1: retrying, 500
      attempt 2 after a wait: retrying, 500
      attempt 3 after a wait: failed, 500
    get_rates: exhausted, 500, attempts: 3
      attempt 1: retrying, 500
      attempt 2 after a wait: retrying, 500
      attempt 3 after a wait: failed, 500
    get_rates: exhausted, 500, attempts: 3
      attempt 1: retrying, 500
      attempt 2 after a wait: retrying, 500
      attempt 3 after a wait: failed, 500
  import_rates: recovered, attempts: 3
    attempt 1: retrying, *errors.errorString
      get_rates: exhausted, 500, attempts: 3
        attempt 1: retrying, 500
        attempt 2 after a wait: retrying, 500
        attempt 3 after a wait: failed, 500
    attempt 2 after a wait: retrying, *errors.errorString
      get_rates: not_retryable, *errors.errorString, attempts: 2
        attempt 1: retrying, 500
        attempt 2 after a wait: failed, *errors.errorString
    attempt 3 after a wait: success
      get_rates: success, attempts: 1
        attempt 1: success
`},
	{"examples/monitoring/logs", exactly, `
load_prices: recovered, attempts: 3
  attempt 1: retrying, *errors.errorString
  attempt 2 after 20ms: retrying, *errors.errorString
  attempt 3 after 40ms: success
`},
}

// Every example, as Jaeger shows it: its operations with their attempts, waits and outcomes, below whom they belong,
// tell what the example prints.
func TestExamplesInJaeger(t *testing.T) {
	for _, c := range examples {
		t.Run(c.dir, func(t *testing.T) {
			t.Parallel()
			traces, printed := runExample(t, c.dir)
			if got, want := c.draw(traces), strings.TrimPrefix(c.story, "\n"); got != want {
				t.Errorf("Jaeger has:\n%swant:\n%s", got, want)
			}
			for _, trace := range traces {
				checkExample(t, trace)
			}
			want, err := os.ReadFile(filepath.Join(root, c.dir, "output.txt"))
			switch {
			case err == nil && printed != string(want):
				t.Errorf("printed:\n%swant:\n%s", printed, want)
			case err != nil && !strings.Contains(printed, traces[0].TraceID): // the one that prints its logs
				t.Errorf("printed nothing of the trace %s:\n%s", traces[0].TraceID, printed)
			}
		})
	}
}

// Each program among the examples is in the table, but the one that Prometheus scrapes: it does not end.
func TestNoExampleIsLeftOut(t *testing.T) {
	var programs []string
	for _, pattern := range []string{"examples/*/main.go", "examples/*/*/main.go"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		programs = append(programs, found...)
	}
	for _, path := range programs {
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), filepath.ToSlash(root)+"/")
		known := slices.ContainsFunc(examples, func(e example) bool { return e.dir == dir })
		if !known && dir != "examples/monitoring/prometheus" {
			t.Errorf("no trace of %s is looked at", dir)
		}
	}
}

// runExample runs an example with the tests' Jaeger and returns its traces in the order of their start.
func runExample(t *testing.T, dir string) (traces []*jaeger.Span, printed string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "example")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Dir = filepath.Join(root, dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	result, err := program.Command{Path: bin, Dir: t.TempDir(), Env: toJaeger()}.Run(t.Context())
	if err != nil || result.Code != 0 || result.Stderr != "" {
		t.Fatalf("%v\n%v", err, result)
	}
	ids, err := collector.Search(t.Context(), exampleService(dir), nil)
	if err != nil || len(ids) == 0 {
		t.Fatalf("%d traces, error %v", len(ids), err)
	}
	for _, id := range ids {
		trace, err := collector.Trace(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, trace)
	}
	slices.SortFunc(traces, func(a, b *jaeger.Span) int { return a.Start.Compare(b.Start.Time) })
	return traces, result.Stdout
}

// exampleService is the service.name of an example.
func exampleService(dir string) string {
	switch name := filepath.Base(dir); name {
	case "own-service":
		return "price-importer"
	case "logs":
		return "price-logger"
	default:
		return name
	}
}

// checkExample checks what holds for every trace: the waits on the spans are the gaps between them.
func checkExample(t *testing.T, trace *jaeger.Span) {
	t.Helper()
	for _, s := range trace.All() {
		if s.Attributes["backspan.kind"] == "operation" || s.Attributes["backspan.kind"] == "phase" {
			checkWaits(t, s, s.Children)
		}
	}
}

// exactly draws traces with the lengths of their waits, roughly without: some are random.
func exactly(traces []*jaeger.Span) string { return draw(traces, time.Duration.String) }

func roughly(traces []*jaeger.Span) string {
	return draw(traces, func(time.Duration) string { return "a wait" })
}

// drawn are the attributes that tell how a span ended.
var drawn = []string{"retry.outcome", "retry.result", "phase.status", "run.status", "error.type"}

var port = regexp.MustCompile(`:\d+$`)

func draw(traces []*jaeger.Span, wait func(time.Duration) string) string {
	var b strings.Builder
	var add func(*jaeger.Span, string)
	add = func(s *jaeger.Span, indent string) {
		b.WriteString(indent + port.ReplaceAllString(s.Name, ""))
		if delay, _ := s.Attributes["retry.delay_seconds"].(float64); delay > 0 {
			b.WriteString(" after " + wait(time.Duration(delay*float64(time.Second)).Round(time.Microsecond)))
		}
		if s.Kind != 1 {
			fmt.Fprintf(&b, " (kind %d)", s.Kind)
		}
		var facts []string
		for _, key := range drawn {
			_, attempt := s.Attributes["retry.result"]
			if value, ok := s.Attributes[key].(string); ok && (key != "retry.outcome" || !attempt) {
				facts = append(facts, value)
			}
		}
		if n, ok := s.Attributes["retry.attempts"].(int64); ok {
			facts = append(facts, fmt.Sprintf("attempts: %d", n))
		}
		if len(facts) > 0 {
			b.WriteString(": " + strings.Join(facts, ", "))
		}
		b.WriteString("\n")
		for _, c := range s.Children {
			add(c, indent+"  ")
		}
	}
	for _, trace := range traces {
		add(trace, "")
	}
	return b.String()
}

// sums counts operations and attempts: which operation had the budget's last token is chance.
func sums(traces []*jaeger.Span) string {
	var failed, failedAttempts, well, wellAttempts int
	for _, operation := range traces {
		if operation.Failed() {
			failed++
			failedAttempts += len(operation.Children)
		} else {
			well++
			wellAttempts += len(operation.Children)
		}
	}
	return fmt.Sprintf("failed operations: %d, attempts: %d\noperations that succeeded: %d, attempts: %d\n",
		failed, failedAttempts, well, wellAttempts)
}
