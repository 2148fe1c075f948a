package page_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/page"
	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// The page of what this process did; a session.Recorder has the spans.
func Example() {
	begin := time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC)
	s := session.New([]session.Span{
		{Kind: "operation", Name: "data_load", Start: begin, End: begin.Add(35 * time.Millisecond)},
	})
	var out strings.Builder
	if err := page.Write(&out, s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println(s.Title())
	fmt.Println(strings.Contains(out.String(), "<title>data_load: succeeded (backspan)</title>"))
	// Output:
	// data_load, succeeded
	// true
}
