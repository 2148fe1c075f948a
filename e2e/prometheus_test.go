package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/e2e/internal/jaeger"
	"github.com/backspan/backspan/e2e/internal/program"
)

// A Prometheus scrapes the example. Every panel of the dashboard has an answer from it, and an exemplar leads to a
// trace in Jaeger.
func TestPrometheusAnswersTheDashboard(t *testing.T) {
	target, events := startPriceService(t)
	p := startPrometheus(t, target)
	for _, panel := range readDashboard(t) {
		for _, query := range panel.Queries {
			query = strings.NewReplacer("$__rate_interval", "10s", "$job", "price-service").Replace(query)
			waitFor(t, "an answer to the panel "+panel.Title+": "+query, func() bool {
				for _, series := range p.query(t, query) {
					if v := series.number(t); !math.IsNaN(v) && !math.IsInf(v, 0) {
						return true
					}
				}
				return false
			})
		}
	}
	amplification := `sum(retry_operation_attempts_sum{retry_operation="load_prices"}) ` +
		`/ sum(retry_operation_attempts_count{retry_operation="load_prices"})`
	if got := p.query(t, amplification); len(got) != 1 || got[0].number(t) != 2 {
		t.Errorf("amplification %v, want 2: every load_prices succeeds at its second attempt", got)
	}
	trace := p.exemplar(t, `retry_operation_duration_seconds_bucket{retry_operation="load_prices"}`)
	waitFor(t, "the trace "+trace+" in Jaeger", func() bool {
		root, err := collector.Trace(t.Context(), trace)
		return err == nil && exactly([]*jaeger.Span{root}) == priceTrace
	})
	if !strings.Contains(read(events), `"trace_id": "`+trace+`"`) {
		t.Errorf("%s has nothing of the trace %s", events, trace)
	}
}

// priceTrace is what the example does again and again.
const priceTrace = `load_prices: recovered, attempts: 2
  attempt 1: retrying, connection_reset
  attempt 2 after 5ms: success
    read_cache: success, attempts: 1
      attempt 1: success
`

// startPriceService runs the example until the test ends, and returns host:port of its metrics and its event log.
func startPriceService(t *testing.T) (target, events string) {
	t.Helper()
	dir := t.TempDir()
	service := filepath.Join(dir, "price-service")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", service, "./prometheus")
	build.Dir = filepath.Join(root, "examples", "monitoring")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	events = filepath.Join(dir, "events.jsonl")
	env := toJaeger()
	env["EVENTS"] = events
	env["OTEL_BSP_SCHEDULE_DELAY"] = "200"
	running := runUntilTheEnd(t, program.Command{
		Path: service, Args: []string{"-listen", "127.0.0.1:0"}, Dir: dir, Env: env,
	})
	waitFor(t, "the address of the metrics", func() bool { return strings.HasSuffix(running.Stdout(), "/metrics\n") })
	address, err := url.Parse(strings.TrimSpace(running.Stdout()))
	if err != nil {
		t.Fatal(err)
	}
	return address.Host, events
}

// runUntilTheEnd starts a program and stops it when the test ends.
func runUntilTheEnd(t *testing.T, command program.Command) *program.Process {
	t.Helper()
	p, err := command.Start(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s: %s%s", command.Path, p.Stdout(), p.Stderr())
		}
	})
	return p
}

// waitForStart is waitFor, and fails as soon as the program has exited.
func waitForStart(t *testing.T, what string, running *program.Process, ready func() bool) {
	t.Helper()
	waitFor(t, what, func() bool {
		select {
		case <-running.Done():
			t.Fatalf("it exited: %s%s", running.Stdout(), running.Stderr())
		default:
		}
		return ready()
	})
}

// A prometheus is a running Prometheus.
type prometheus struct{ address string }

// startPrometheus runs Prometheus with a folder and a port of its own, not the service that a package may have.
func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(
		"scrape_configs:\n- job_name: price-service\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n"+
			"  static_configs: [{targets: [%q]}]\n", target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := prometheus{closedPort(t)}
	running := runUntilTheEnd(t, program.Command{Path: "prometheus", Dir: dir, Args: []string{
		"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + p.address, "--enable-feature=exemplar-storage", "--log.level=warn",
	}})
	waitForStart(t, "a Prometheus that is ready", running, func() bool {
		_, err := p.body(t, "/-/ready")
		return err == nil
	})
	return p
}

// client closes its connections, so that no goroutine is left behind.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}

// body is the answer of Prometheus to a GET.
func (p prometheus) body(t *testing.T, path string) ([]byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}

// get asks Prometheus's API, and reads the data of the answer.
func (p prometheus) get(t *testing.T, path string, values url.Values, data any) {
	t.Helper()
	body, err := p.body(t, path+"?"+values.Encode())
	if err != nil {
		t.Fatal(err)
	}
	answer := struct{ Data any }{data}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// A series is one of the answers to a query.
type series struct{ Value [2]any }

func (s series) number(t *testing.T) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(fmt.Sprint(s.Value[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (p prometheus) query(t *testing.T, query string) []series {
	t.Helper()
	var data struct{ Result []series }
	p.get(t, "/api/v1/query", url.Values{"query": {query}}, &data)
	return data.Result
}

// exemplar returns the trace of an exemplar of the query's series.
func (p prometheus) exemplar(t *testing.T, query string) (trace string) {
	t.Helper()
	now := time.Now()
	at := func(t time.Time) []string { return []string{t.UTC().Format(time.RFC3339)} }
	var data []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	p.get(t, "/api/v1/query_exemplars",
		url.Values{"query": {query}, "start": at(now.Add(-time.Hour)), "end": at(now.Add(time.Hour))}, &data)
	for _, s := range data {
		for _, e := range s.Exemplars {
			return e.Labels["trace_id"]
		}
	}
	t.Fatalf("no exemplars of %s: %v", query, data)
	return ""
}

// A panel is a panel of deploy/grafana.json.
type panel struct {
	Title   string
	Queries []string
}

func readDashboard(t *testing.T) (panels []panel) {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(root, "deploy", "grafana.json"))), &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		found := panel{Title: p.Title}
		for _, target := range p.Targets {
			found.Queries = append(found.Queries, target.Expr)
		}
		if len(found.Queries) == 0 {
			t.Errorf("the panel %s has no query", p.Title)
		}
		panels = append(panels, found)
	}
	if len(panels) == 0 {
		t.Fatal("no panels")
	}
	return panels
}
