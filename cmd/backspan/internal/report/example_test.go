package report_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/report"
	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
)

// The page of what this process did; a waterfall.Recorder has the spans.
func Example() {
	begin := time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC)
	session := &report.Session{Spans: []waterfall.Span{
		{Kind: "operation", Name: "data_load", Start: begin, End: begin.Add(35 * time.Millisecond)},
	}}
	var page strings.Builder
	if err := report.Write(&page, session); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println(session.Title())
	fmt.Println(strings.Contains(page.String(), "<title>data_load: succeeded (backspan)</title>"))
	// Output:
	// data_load, succeeded
	// true
}
