//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkStart times what starting backspan costs, beside timeout(1) and the bare command, one after the other in
// each round, and reports medians.
//
//	go test -run '^$' -bench Start -benchtime 100x ./cmd/backspan
//
// What it shows: ms-version (want at most 30), ms-exec-adds: what `exec -- true` adds to `true` when no collector
// listens (at most 15), ms-timeout-adds, and x-timeout: how many times what timeout adds that is.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	program := filepath.Join(dir, "backspan")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-tags", "grpcnotrace", "-ldflags",
		"-s -w", "-o", program, ".").CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	bare, err := exec.LookPath("true")
	if err != nil {
		b.Fatal(err)
	}
	commands := [][]string{
		{bare},
		{"timeout", "60", bare},
		{program, "exec", "--attempt-timeout", "60s", "--", bare},
		{program, "--version"},
	}
	took := make([][]time.Duration, len(commands))
	for b.Loop() {
		for i, args := range commands {
			command := exec.CommandContext(b.Context(), args[0], args[1:]...)
			command.Dir, command.Env = dir, append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT=", "BACKSPAN_CONFIG=off")
			start := time.Now()
			if err := command.Run(); err != nil {
				b.Fatalf("%q: %v", args, err)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	median := func(i int) float64 {
		list := slices.Sorted(slices.Values(took[i]))
		return float64(list[len(list)/2]) / float64(time.Millisecond)
	}
	timeoutAdds, execAdds := median(1)-median(0), median(2)-median(0)
	b.ReportMetric(0, "ns/op") // the sum of all of them says nothing
	b.ReportMetric(median(3), "ms-version")
	b.ReportMetric(execAdds, "ms-exec-adds")
	b.ReportMetric(timeoutAdds, "ms-timeout-adds")
	b.ReportMetric(execAdds/timeoutAdds, "x-timeout")
}
