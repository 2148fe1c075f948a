package report

import (
	"fmt"
	"strings"
	"time"
)

// outline writes what rows say, without times that are not exact and ids.
func outline(s *Session) string {
	roots := treesOf(s)
	first, _ := extent(s.Spans)
	rows, _ := rowsOf(roots, first)
	levels := make([]int, len(rows))
	var b strings.Builder
	for i, r := range rows {
		if r.Parent >= 0 {
			levels[i] = levels[r.Parent] + 1
		}
		fmt.Fprintf(&b, "%s%s %s: %s", strings.Repeat("  ", levels[i]), r.Kind, r.Name, r.State)
		us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
		if r.Unbegun {
			b.WriteString(", begin unknown")
		} else {
			fmt.Fprintf(&b, ", at %v for %v", us(r.Start), us(r.Took))
		}
		if r.Made > 1 {
			fmt.Fprintf(&b, ", %d tries", r.Made)
		}
		if r.Wait != nil {
			fmt.Fprintf(&b, ", waits %v of %v", us(r.Wait.Took), us(r.Wait.Planned))
		}
		if r.Open {
			b.WriteString(", not ended")
		}
		if r.Error != "" {
			fmt.Fprintf(&b, ", %q", r.Error)
		}
		if r.ErrorType != "" {
			fmt.Fprintf(&b, " (%s)", r.ErrorType)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
