// Worker-pool has eight workers that call one service and share a budget: when the service is down, they do not keep it
// down with their retries.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"sync/atomic"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

var errDown = errors.New("service unavailable")

func main() {
	ctx := context.Background()
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "worker-pool", Discover: true})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()
	budget, err := retry.NewBudget(retry.BudgetOptions{Name: "thumbnails"})
	if err != nil {
		log.Fatal(err)
	}
	policy := retry.Policy{BaseDelay: retry.NoDelay, Budget: budget}

	for _, service := range []struct {
		name string
		err  error // of every call
	}{{"well", nil}, {"down", errDown}} {
		var calls, done atomic.Int64
		jobs := make(chan int)
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for range jobs {
					err := retry.Do(ctx, "make_thumbnail", policy, func(context.Context) error {
						calls.Add(1)
						return service.err
					})
					if err == nil {
						done.Add(1)
					}
				}
			})
		}
		for i := range 100 {
			jobs <- i
		}
		close(jobs)
		workers.Wait()
		fmt.Printf("the service is %s: 100 jobs, %d done with %d calls\n", service.name, done.Load(), calls.Load())
	}
	fmt.Println("without a budget they would have made 400 calls to a service that is down")
}
