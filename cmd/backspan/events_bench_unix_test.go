//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/backspan/backspan/events"
)

// BenchmarkEvents times `backspan events` beside grep and jq on the same file, one after the other in each round, and
// reports medians as ratios. The files have one and ten million lines: BACKSPAN_BENCH_LINES sets the first number.
//
//	go test -run '^$' -bench Events -benchtime 5x ./cmd/backspan
//
// What it shows: x-grep-NAME, how many times longer than grep -c each row of docs/performance.md takes (want at most
// 1.3 for count, 2.5 for stats, 4 for the others; four-* read four files), x-jq-stats (at most 1/6), MiB-NAME, the
// largest memory (under 64; where it is less than that of the benchmark itself, that one), and x-tenfold: how many
// times longer ten times the lines take (10 is linear; grep's shows what the larger file alone costs).
func BenchmarkEvents(b *testing.B) {
	lines := 1_000_000
	if text := os.Getenv("BACKSPAN_BENCH_LINES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			b.Fatalf("BACKSPAN_BENCH_LINES is %q, want a number above 0", text)
		}
		lines = n
	}
	dir := b.TempDir()
	small, large := filepath.Join(dir, "small.jsonl"), filepath.Join(dir, "large.jsonl")
	writeLog(b, small, lines)
	writeLog(b, large, 10*lines)
	program := built(b)
	quarters := make([]string, 4)
	for i := range quarters {
		quarters[i] = filepath.Join(dir, fmt.Sprintf("quarter%d.jsonl", i))
		writeLog(b, quarters[i], lines/4)
	}
	four := func(args ...string) []string { return slices.Concat([]string{program, "events"}, args, quarters) }
	const needle = `"type": "autocorrect_attempt"`
	commands := map[string][]string{
		"grep":                {"grep", "-c", needle, small},
		"count":               {program, "events", "count", "--type", events.TypeAttempt, small},
		"stats":               {program, "events", "stats", small},
		"four-count-by":       four("count", "--by", events.KeyOperation),
		"four-stats-by-error": four("stats", "--by", "error"),
		"four-list-json":      four("list", "--json"),
		"times":               {program, "events", "stats", "--times", small},
		"loops":               {program, "events", "stats", "--loops", small},
		"four-times":          four("stats", "--times"),
		"jq": {
			"jq", "-n", `reduce inputs as $e ({}; .[$e.details.operation // ""][$e.type] += 1)`, small,
		},
		"grep large":  {"grep", "-c", needle, large},
		"count large": {program, "events", "count", "--type", events.TypeAttempt, large},
		"stats large": {program, "events", "stats", large},
	}
	took := map[string][]time.Duration{}
	memory := map[string]int64{}
	for b.Loop() {
		for name, command := range commands {
			d, kib := timeCommand(b, command)
			took[name] = append(took[name], d)
			memory[name] = max(memory[name], kib)
		}
	}
	median := func(name string) float64 {
		list := slices.Sorted(slices.Values(took[name]))
		return list[len(list)/2].Seconds()
	}
	b.ReportMetric(0, "ns/op") // the sum of all of them says nothing
	for _, name := range []string{
		"count", "stats", "four-count-by", "four-stats-by-error", "four-list-json", "times", "loops", "four-times",
	} {
		b.ReportMetric(median(name)/median("grep"), "x-grep-"+name)
		b.ReportMetric(float64(memory[name])/1024, "MiB-"+name)
	}
	b.ReportMetric(median("stats")/median("jq"), "x-jq-stats")
	b.ReportMetric(median("grep large")/median("grep"), "x-tenfold-grep")
	b.ReportMetric(median("count large")/median("count"), "x-tenfold-count")
	b.ReportMetric(median("stats large")/median("stats"), "x-tenfold-stats")
	b.ReportMetric(float64(memory["count large"])/1024, "MiB-count-large")
	b.ReportMetric(float64(memory["stats large"])/1024, "MiB-stats-large")
}

// built is the program as go build makes it: the tests' own may be made for the race detector, which takes memory.
func built(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "backspan")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// measuredCommand is a command that prints into a file: who reads it from a pipe would be measured too. The file is to
// be closed.
func measuredCommand(t testing.TB, args []string) (command *exec.Cmd, out *os.File, errOut *bytes.Buffer) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	errOut = new(bytes.Buffer)
	command = exec.CommandContext(t.Context(), args[0], args[1:]...)
	command.Stdout, command.Stderr = out, errOut
	return command, out, errOut
}

// timeCommand runs a command, and returns how long it took and its largest resident set in KiB (Linux counts in them).
func timeCommand(t testing.TB, args []string) (time.Duration, int64) {
	t.Helper()
	command, out, errOut := measuredCommand(t, args)
	defer out.Close() //nolint:errcheck // nobody reads it
	start := time.Now()
	if err := command.Run(); err != nil {
		t.Fatalf("%q: %v\n%.300s", args, err, errOut.String())
	}
	took := time.Since(start)
	usage, _ := command.ProcessState.SysUsage().(*syscall.Rusage)
	return took, usage.Maxrss
}

// writeLog writes a log in which each third line is a failed attempt of one of 20 operations.
func writeLog(b testing.TB, path string, lines int) {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	writeLines(b, file, lines)
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
}

func writeLines(b testing.TB, file io.Writer, lines int) {
	b.Helper()
	out := bufio.NewWriterSize(file, 1<<20)
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var line []byte
	for i := range lines {
		record := events.Record{
			Time: at.Add(time.Duration(i) * time.Millisecond), Session: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
			Phase: "data_phase", TraceID: [16]byte{1, byte(i), byte(i >> 8)}, SpanID: [8]byte{2, byte(i), byte(i >> 8)},
		}
		operation := fmt.Sprintf("operation_%d", i%20)
		switch i % 3 {
		case 0:
			reason := "Error in " + operation + ": GET https://api.example.com/v1/prices: 503 Service Unavailable"
			record.Type, record.Level, record.Message = events.TypeAttempt, events.LevelWarning,
				"Autocorrect attempt 1: "+reason
			record.Details = []events.Field{
				events.Int(events.KeyAttemptNumber, 1), events.String(events.KeyReason, reason),
				events.String(events.KeyResult, "retrying"), events.String(events.KeyOperation, operation),
				events.Float(events.KeyDelay, 0), events.Float(events.KeyNextDelay, 1),
				events.String(events.KeyErrorType, "503"),
			}
		case 1:
			record.Type, record.Level, record.Message = events.TypeRecovered, events.LevelInfo,
				"Autocorrect successful on attempt 2: "+operation
			record.Details = []events.Field{
				events.Int(events.KeyAttemptNumber, 2), events.String(events.KeyResult, "success"),
				events.String(events.KeyOperation, operation), events.Float(events.KeyDelay, 1),
			}
		default:
			record.Type, record.Level, record.Message = events.TypePhaseEnd, events.LevelInfo,
				"Phase data_phase ended: success"
			record.Details = []events.Field{events.String(events.KeyResult, "success"), events.Float("duration", 1.5)}
		}
		line = record.Append(line[:0])
		if _, err := out.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
}
