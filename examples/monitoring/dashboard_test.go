// Package monitoring_test checks deploy/grafana.json, which is a dashboard of Backspan's metrics.
package monitoring_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// A dashboard is what the test reads of grafana.json.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr, LegendFormat string }
	}
	Templating struct {
		List []struct{ Definition string }
	}
}

var (
	quoted = regexp.MustCompile(`"[^"]*"`)
	ranges = regexp.MustCompile(`\[[^\]]*\]`)
	word   = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	// What is no name of a metric or a label, but of PromQL or of Grafana.
	language = []string{"sum", "min", "by", "rate", "increase", "topk", "histogram_quantile", "label_values"}
	// The labels that Prometheus adds.
	scraped = []string{"job", "instance", "le"}
)

// Every word of a query that is no function names a metric or a label that Backspan exports. A metric that is renamed
// would leave a panel empty.
func TestTheDashboardNamesWhatIsExported(t *testing.T) {
	known := slices.Concat(exported(t), scraped, language)
	text, err := os.ReadFile("../../deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var words []string
	check := func(where, query string) {
		for _, name := range word.FindAllString(ranges.ReplaceAllString(quoted.ReplaceAllString(query, ""), ""), -1) {
			words = append(words, name)
			if !slices.Contains(known, name) {
				t.Errorf("%s: %s is not exported", where, name)
			}
		}
	}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			check(panel.Title, target.Expr)
			for _, label := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				check(panel.Title, label[1])
			}
		}
	}
	for _, variable := range d.Templating.List {
		check("variables", variable.Definition)
	}
	for _, name := range []string{
		"retry_operation_attempts_sum", "retry_operation_delay_seconds_sum", "retry_attempt_duration_seconds_sum",
		"retry_budget_tokens", "retry_budget_refused_total", "retry_events_dropped_total", "error_type",
	} {
		if !slices.Contains(words, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// exported are the names of metrics and labels of a program that does everything which is measured.
func exported(t *testing.T) (names []string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Start(t.Context(), telemetry.Config{
		NoExport: true, Events: telemetry.Off, MetricReader: reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	retryInAPhase(t)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "retry_") {
			continue
		}
		names = append(names, family.GetName())
		if family.GetType() == dto.MetricType_HISTOGRAM {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				names = append(names, family.GetName()+suffix)
			}
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				names = append(names, label.GetName())
			}
		}
	}
	return names
}

// retryInAPhase runs a phase with an operation that recovers, and one whose budget has too little.
func retryInAPhase(t *testing.T) {
	t.Helper()
	budget, err := retry.NewBudget(retry.BudgetOptions{Name: "exchange", Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	policy := retry.Policy{BaseDelay: time.Millisecond, Budget: budget}
	pipeline := orchestrator.Pipeline{Name: "import", Phases: []orchestrator.Phase{{
		Name: "load",
		Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			for range 2 {
				calls := 0
				err := retry.Do(ctx, "prices", policy, func(context.Context) error {
					if calls++; calls == 1 {
						return errors.New("connection reset by peer")
					}
					return nil
				})
				if err != nil {
					return nil, err
				}
			}
			return nil, retry.Do(ctx, "rates", policy, func(context.Context) error { return context.DeadlineExceeded })
		},
	}}}
	if _, err := pipeline.Run(t.Context(), orchestrator.Options{}); err == nil {
		t.Error("the budget refused nothing")
	}
}
