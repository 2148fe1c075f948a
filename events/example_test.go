package events_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/backspan/backspan/events"
)

// An event log in a directory that is thrown away afterwards.
func temporary() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		panic(err)
	}
	return filepath.Join(dir, events.DefaultPath), func() {
		if err := os.RemoveAll(dir); err != nil {
			panic(err)
		}
	}
}

func attempt(operation string, n int64, result string) *events.Record {
	return &events.Record{
		Time:    time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC),
		Session: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
		Type:    events.TypeAttempt,
		Level:   events.LevelWarning,
		Message: fmt.Sprintf("Autocorrect attempt %d: Error in %s: token=hunter2 refused", n, operation),
		Details: []events.Field{
			events.Int(events.KeyAttemptNumber, n),
			events.String(events.KeyResult, result),
			events.String(events.KeyOperation, operation),
		},
	}
}

func Example() {
	path, remove := temporary()
	defer remove()

	w, err := events.Open(path, events.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	w.Write(attempt("data_load", 1, "retrying"))
	w.Write(attempt("data_load", 2, "failed"))
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}

	r, err := events.OpenFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close() //nolint:errcheck // it was only read
	for line := range r.All() {
		fmt.Println(line.Detail(events.KeyOperation), line.Detail(events.KeyAttemptNumber),
			line.Detail(events.KeyResult))
	}
	if err := r.Err(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// data_load 1 retrying
	// data_load 2 failed
}

func ExampleOptions_redact() {
	path, remove := temporary()
	defer remove()

	w, err := events.Open(path, events.Options{
		Redact: func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w.Write(attempt("login", 1, "failed"))
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	r, err := events.OpenFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close() //nolint:errcheck // it was only read
	for r.Next() {
		fmt.Println(r.Line().Message().Text())
	}
	// Output: Autocorrect attempt 1: Error in login: token=*** refused
}

func ExampleRecord_Append() {
	r := events.Record{
		Time:    time.Date(2026, 11, 23, 19, 11, 43, 482629000, time.UTC),
		Type:    events.TypeRunEnd,
		Level:   events.LevelInfo,
		Message: "café \xff\n",
	}
	fmt.Printf("%s", r.Append(nil))
	// Output:
	// {"timestamp": "2026-11-23T19:11:43.482629Z", "session_id": "", "type": "run_end", "phase": "", "level": "info", "message": "caf\u00e9 \\xff\n", "details": {}}
}

// Counting on all processors: a tally for each goroutine, added up at the end.
func ExampleReader_Each() {
	log := string(attempt("load", 1, "retrying").Append(nil)) + `{"timestamp": "2026-` + // torn by a kill
		string(attempt("load", 2, "failed").Append(nil))

	r := events.NewReader(strings.NewReader(log))
	var attempts [2]int
	err := r.Each(len(attempts), func(worker int, line *events.Line) {
		if line.Type().Is(events.TypeAttempt) {
			attempts[worker]++
		}
	})
	if err != nil {
		fmt.Println(err)
	}
	tally := r.Tally()
	fmt.Println(attempts[0]+attempts[1], "attempts,", tally.Salvaged, "of them salvaged from", tally.Unreadable,
		"unreadable line")
	// Output: 2 attempts, 1 of them salvaged from 1 unreadable line
}
