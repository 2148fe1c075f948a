package drawn

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/page"
	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// A row is what the script of a page reads of one row.
type row struct {
	Parent                  int
	Kind, Name, State, Said string
	Start, Took, Waited     int64
	Failed, Open, Unbegun   bool
	Error, Type             string
	Wait                    *struct{ Took int64 }
	Made                    int
}

var (
	pageData  = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)
	pageText  = regexp.MustCompile(`(?s)<pre tabindex="0">(.*?)</pre>`)
	pageTime  = regexp.MustCompile(`<b>([^<]*)</b> <span>([^<]*)</span>`)
	pageTotal = regexp.MustCompile(`(?s)<tfoot>.*</tfoot>`)
	pageCell  = regexp.MustCompile(`<td class="[^"]*"[^>]*>([^<]*)</td>`)
)

func pageOf(t testing.TB, s *session.Session) string {
	t.Helper()
	var b strings.Builder
	if err := page.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func rowsOf(t testing.TB, html string) []row {
	t.Helper()
	var data struct{ Rows []row }
	if err := json.Unmarshal([]byte(pageData.FindStringSubmatch(html)[1]), &data); err != nil {
		t.Fatal(err)
	}
	return data.Rows
}

func textOf(page string) string { return html.UnescapeString(pageText.FindStringSubmatch(page)[1]) }

// rowNodes are the nodes of the rows of the page, in their order.
func rowNodes(nodes []*session.Node) (list []*session.Node) {
	for _, n := range nodes {
		list = append(append(list, n), rowNodes(n.Rows())...)
	}
	return list
}

// outline writes what the rows of the page say, without ids, and which waits were planned.
func outline(t testing.TB, s *session.Session) string {
	rows, nodes := rowsOf(t, pageOf(t, s)), rowNodes(s.Roots)
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
		if strings.ContainsAny(r.Said, "0123456789") {
			fmt.Fprintf(&b, ", says %q", r.Said)
		}
		if r.Wait != nil {
			fmt.Fprintf(&b, ", waits %v of %v", us(r.Wait.Took), nodes[i].Wait.Planned)
		}
		if r.Open {
			b.WriteString(", not ended")
		}
		if r.Error != "" {
			fmt.Fprintf(&b, ", %q", r.Error)
		}
		if r.Type != "" {
			fmt.Fprintf(&b, " (%s)", r.Type)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
