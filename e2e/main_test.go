package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/backspan/backspan/e2e/internal/jaeger"
	"github.com/backspan/backspan/e2e/internal/program"
	"go.uber.org/goleak"
)

// root is the root of the repository.
var root = func() string {
	dir, err := filepath.Abs("..")
	if err != nil {
		panic(err)
	}
	return dir
}()

// backspan is the path of the program under test.
var backspan string

// collector is the Jaeger that all tests share; traces are told apart by their ids and service names.
var collector *jaeger.Server

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx := context.Background()
	bin, err := os.MkdirTemp("", "backspan-e2e")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	backspan = filepath.Join(bin, "backspan")
	if err := program.Build(ctx, root, "./cmd/backspan", backspan); err != nil {
		return 1, err
	}
	binary, err := jaeger.Binary(ctx, filepath.Join(root, "tools", "jaeger"))
	if err != nil {
		return 1, err
	}
	collector, err = jaeger.Start(ctx, binary, filepath.Join(root, "deploy", "jaeger.yaml"))
	if err != nil {
		return 1, err
	}
	code = m.Run()
	if code != 0 {
		fmt.Fprintf(os.Stderr, "Jaeger's log:\n%s", collector.Log())
	}
	return code, errors.Join(collector.Stop(), goleak.Find())
}
