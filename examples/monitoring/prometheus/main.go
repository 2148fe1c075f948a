// Prometheus serves the metrics of what it retries at http://127.0.0.1:2112/metrics, for a Prometheus to scrape.
//
// Each measurement of a sampled operation has its trace as exemplar. Prometheus keeps exemplars when it is started with
// --enable-feature=exemplar-storage. deploy/grafana.json is a dashboard of these metrics.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	address := flag.String("listen", "127.0.0.1:2112", "address of /metrics")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *address); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address string) error {
	registry := prometheus.NewRegistry()
	reader, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithoutScopeInfo(), // three labels on every series that say nothing
	)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, telemetry.Config{
		Service:      "price-service",
		Events:       os.Getenv("EVENTS"), // empty: data/session/events.jsonl
		Discover:     true,                // export spans only when a collector listens
		MetricReader: reader,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()

	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/metrics\n", listener.Addr())
	// Exemplars are part of OpenMetrics alone.
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	if err := work(ctx); err != nil {
		return err
	}
	if err := server.Shutdown(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// work calls what fails now and then, until ctx ends.
func work(ctx context.Context) error {
	budget, err := retry.NewBudget(retry.BudgetOptions{Name: "exchange", Capacity: 10})
	if err != nil {
		return err
	}
	policy := retry.Policy{BaseDelay: 5 * time.Millisecond, MaxRetries: 2}
	bounded := policy
	bounded.Budget = budget
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
		calls := 0
		// The outcomes are in the metrics; this program has nothing else to do with them.
		_ = retry.Do(ctx, "load_prices", policy, func(ctx context.Context) error {
			if calls++; calls == 1 {
				return syscall.ECONNRESET
			}
			return retry.Do(ctx, "read_cache", policy, func(context.Context) error { return nil })
		})
		_ = retry.Do(ctx, "load_rates", bounded, func(context.Context) error { return context.DeadlineExceeded })
	}
}
