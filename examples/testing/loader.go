// Package loader shows how code that retries is tested: see loader_test.go.
package loader

import (
	"context"

	"github.com/backspan/backspan/retry"
)

// Load calls fetch, up to 4 times.
func Load(ctx context.Context, fetch func(context.Context) (string, error)) (string, error) {
	return retry.Value(ctx, "load", retry.Policy{}, fetch)
}
