package temporal_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/temporal"
)

func serve(c client.Client, pipeline orchestrator.Pipeline) error {
	w := worker.New(c, "nightly", worker.Options{})
	if err := temporal.Register(w, pipeline); err != nil {
		return err
	}
	return w.Run(worker.InterruptCh())
}

func start(ctx context.Context, c client.Client, pipeline orchestrator.Pipeline) (orchestrator.Report, error) {
	return temporal.NewEngine(c, "nightly").Run(ctx, pipeline, orchestrator.Options{EnableRecovery: true})
}

var _, _ = serve, start // they are compiled

// The guide shows the functions above.
func TestGuide(t *testing.T) {
	source, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(source), "func serve")
	shown, _, _ = strings.Cut("func serve"+shown, "var _, _")
	if !strings.Contains(string(guide), "```go\n"+strings.TrimSpace(shown)+"\n```") {
		t.Errorf("the guide does not show\n%s", shown)
	}
}
