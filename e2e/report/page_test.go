package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// rows are the texts of the rows in sight, from above: name, what is said of it, its error.
func (p *tab) rows() []string {
	p.t.Helper()
	return get[[]string](
		p, `[...document.querySelectorAll('.row')].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
		.map((r) => [...r.querySelectorAll('.name, .said, .row .error')].map((e) => e.textContent).join(' | '))`)
}

func (p *tab) wantRows(want ...string) {
	p.t.Helper()
	if got := p.rows(); !slices.Equal(got, want) {
		p.t.Errorf("rows\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return get[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// row is the number of the n-th row, from 0, whose name is that.
func (p *tab) row(name string, n int) string {
	p.t.Helper()
	return get[string](p, fmt.Sprintf(
		"'.row[data-row=\"' + [...document.querySelectorAll('.row')].filter((r) => r.querySelector('.name').textContent === %q)[%d].dataset.row + '\"]'", name, n))
}

// keys types keys.
func (p *tab) keys(list ...string) {
	p.t.Helper()
	for _, k := range list {
		p.do(chromedp.KeyEvent(k))
	}
}

var everyRow = []string{
	"nightly",
	"load",
	"list_files",
	"data_load | recovered, 3 attempts",
	"attempt 1 | GET /prices: 503 Service Unavailable",
	"attempt 2 | read tcp 127.0.0.1:9: connection reset by peer",
	"attempt 3",
	"summary | recovered, 2 attempts",
	"attempt 1 | timeout",
	"rates | exhausted, 3 attempts",
	"attempt 1 | timeout",
	"attempt 2 | timeout",
	"attempt 3 | timeout",
	"recovery 1",
	"rates",
}

func TestPageShowsTheRun(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	if got := get[string](p, "document.title"); got != "nightly: recovered (backspan)" {
		t.Errorf("title %q", got)
	}
	got := p.text("header")
	if !strings.Contains(got,
		"It recovered after 6.1s: 5 of 8 attempts failed, 1 operation recovered, 1 operation was given up and 1 phase recovered.") {
		t.Errorf("header %q", got)
	}
	p.wantRows(everyRow...)
	if got := p.text("#count"); got != "15 rows" {
		t.Errorf("count %q", got)
	}
	if got := p.text("ul.time"); !strings.Contains(strings.Join(strings.Fields(got), " "), "waiting 4.75s 78%") {
		t.Errorf("time %q", got)
	}
	sums := strings.Fields(p.text("tfoot"))
	if !slices.Equal(sums, []string{"together", "4", "8", "5", "2", "1", "1", "650ms", "700ms", "4.75s"}) {
		t.Errorf("sums of the table: %q", sums)
	}
}

// The picture is to scale: a bar's place and width are its time's share of the whole.
func TestBarsAreToScale(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	type bar struct {
		Class       string
		Left, Width float64 // shares of the chart
	}
	bars := func(name string, n int) []bar {
		t.Helper()
		return get[[]bar](p, fmt.Sprintf(`(() => {
			const chart = document.querySelector(%q).querySelector('.chart');
			const all = chart.getBoundingClientRect();
			return [...chart.querySelectorAll('.bar')].map((b) => {
				const box = b.getBoundingClientRect();
				return { Class: b.className, Left: (box.left - all.left) / all.width, Width: box.width / all.width };
			}).sort((a, b) => a.Left - b.Left);
		})()`, p.row(name, n)))
	}
	const whole = 6100.0
	for _, c := range []struct {
		name string
		n    int
		want []bar // from and for, in milliseconds
	}{
		{
			"data_load", 0, []bar{
				{"bar work failed", 100, 200},
				{"bar wait", 300, 250},
				{"bar work failed", 550, 200},
				{"bar wait", 750, 500},
				{"bar work", 1250, 350},
			},
		},
		{"attempt 1", 0, []bar{{"bar work failed", 100, 200}, {"bar wait", 300, 250}}},
		{"summary", 0, []bar{{"bar thin", 1600, 2300}, {"bar wait", 3900, 2000}, {"bar thin", 5900, 200}}},
		{"nightly", 0, []bar{{"bar thin", 0, 6100}}},
	} {
		got := bars(c.name, c.n)
		if len(got) != len(c.want) {
			t.Errorf("%s: bars %v, want %v", c.name, got, c.want)
			continue
		}
		for i, b := range got {
			want := c.want[i]
			if b.Class != want.Class || math.Abs(b.Left-want.Left/whole) > 0.004 ||
				math.Abs(b.Width-want.Width/whole) > 0.008 {
				t.Errorf("%s: bar %d is %+v, want %s at %.3f for %.3f",
					c.name, i, b, want.Class, want.Left/whole, want.Width/whole)
			}
		}
	}
	if got := p.text(p.row("summary", 0) + " .bar.wait"); got != "2s" {
		t.Errorf("a long wait says %q, want 2s", got)
	}
	marks := get[int](p, fmt.Sprintf("document.querySelector(%q).querySelectorAll('.chart .icon.failed').length",
		p.row("data_load", 0)))
	if marks != 2 {
		t.Errorf("%d marks of failure, want 2: failure must not be told by colour alone", marks)
	}
}

// The page of a real run, as the demo writes it, and again from the two files that it leaves behind.
func TestPagesOfTheDemo(t *testing.T) {
	dir := t.TempDir()
	result := run(t, dir, "demo", "--report", "run.html")
	if result.Code != 0 || !strings.Contains(result.Stdout, "\nreport   run.html\n") {
		t.Fatalf("demo: %v", result)
	}
	for _, source := range []string{"data/session/trace.json", "data/session/events.jsonl"} {
		if result := run(t, dir, "report", source, "-o", filepath.Base(source)+".html"); result.Code != 0 {
			t.Fatalf("report: %v", result)
		}
	}
	live := open(t, filepath.Join(dir, "run.html"), desktop)
	filed := open(t, filepath.Join(dir, "trace.json.html"), desktop)
	if got, want := filed.rows(), live.rows(); !slices.Equal(got, want) || len(got) < 20 {
		t.Errorf("rows from the trace file\n  %s\nrows from the run\n  %s",
			strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	events := open(t, filepath.Join(dir, "events.jsonl.html"), desktop)
	shown := strings.Join(events.rows(), "\n")
	if !strings.Contains(shown, "fetch_baseline | exhausted, 4 attempts") ||
		!strings.Contains(shown, "analysis | recovered, 2 attempts") {
		t.Errorf("rows from the events:\n%s", shown)
	}
	if notes := events.text(".notes"); !strings.Contains(notes, "holds less than a trace") {
		t.Errorf("the page from the events notes %q", notes)
	}
	if took := events.text(events.row("attempt 1", 0) + " .took"); took == "…" || took == "" {
		t.Errorf("the events say how long an attempt took, the page %q", took)
	}

	// The log of another writer says of attempts only when they ended.
	log, err := os.ReadFile(filepath.Join(dir, "data/session/events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	log = regexp.MustCompile(`, "duration": [-+.e0-9]+`).ReplaceAll(log, nil)
	if err := os.WriteFile(filepath.Join(dir, "ends.jsonl"), log, 0o600); err != nil {
		t.Fatal(err)
	}
	if result := run(t, dir, "report", "ends.jsonl", "-o", "ends.html"); result.Code != 0 {
		t.Fatalf("report: %v", result)
	}
	ends := open(t, filepath.Join(dir, "ends.html"), desktop)
	if took := ends.text(ends.row("attempt 1", 0) + " .took"); took != "…" {
		t.Errorf("an attempt whose begin is not known took %q, want …", took)
	}
	ends.do(chromedp.Click(chromedp.CSS(ends.row("attempt 1", 0) + " .name")))
	if got := ends.text("#inspector"); !strings.Contains(got, "known from") ||
		!strings.Contains(got, "not known; ended at") {
		t.Errorf("details %q do not say what is not known", got)
	}
}

// Where scripts do not run (CI servers, mail), the page still says what happened.
func TestPageWithoutScripts(t *testing.T) {
	path := nightlyPage(t)
	html, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, path, desktop)
	p.withoutScripts(path)
	for selector, want := range map[string]string{
		"header": "It recovered after 6.1s", "main": "Scripts are off", "details pre": "└ ✓ rates", "tfoot": "together",
	} {
		if got := p.text(selector); !strings.Contains(got, want) {
			t.Errorf("%s does not say %q but %q", selector, want, got)
		}
	}
	if p.visible("#picture") || p.visible("#theme") {
		t.Error("controls are shown that cannot work")
	}
	if !strings.Contains(string(html), "<noscript>") {
		t.Error("the page has nothing for a browser without scripts")
	}
}

func (p *tab) visible(selector string) bool {
	p.t.Helper()
	return get[bool](p, fmt.Sprintf("document.querySelector(%q).checkVisibility()", selector))
}

func TestFilters(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	search := func(s string) {
		t.Helper()
		p.run("document.getElementById('search').select()")
		p.do(chromedp.Focus(chromedp.CSS("#search")))
		p.keys(kb.Backspace)
		p.keys(s)
	}
	// A name brings all that is below it.
	search("data_load")
	p.wantRows("nightly", "load", "data_load | recovered, 3 attempts",
		"attempt 1 | GET /prices: 503 Service Unavailable",
		"attempt 2 | read tcp 127.0.0.1:9: connection reset by peer", "attempt 3")
	if got := p.text("#count"); got != "4 of 15 rows fit" {
		t.Errorf("count %q", got)
	}
	// Errors are searched in full, without regard to case, and the place is shown.
	search("127.0.0.1 RESET")
	p.wantRows("nightly", "load", "data_load | recovered, 3 attempts",
		"attempt 2 | read tcp 127.0.0.1:9: connection reset by peer")
	marked := get[[]string](p, "[...document.querySelectorAll('mark')].map((m) => m.textContent)")
	if !slices.Equal(marked, []string{"127.0.0.1", "reset"}) {
		t.Errorf("marked: %q", marked)
	}
	search("no such thing")
	p.wantRows()
	if got := p.text("#count"); !strings.HasPrefix(got, "nothing fits") {
		t.Errorf("count %q", got)
	}
	search("")
	p.wantRows(everyRow...)

	p.do(chromedp.Click(chromedp.CSS("#retried")))
	p.wantRows("nightly", "load", "data_load | recovered, 3 attempts",
		"attempt 1 | GET /prices: 503 Service Unavailable",
		"attempt 2 | read tcp 127.0.0.1:9: connection reset by peer", "attempt 3",
		"summary | recovered, 2 attempts", "attempt 1 | timeout", "rates | exhausted, 3 attempts",
		"attempt 1 | timeout", "attempt 2 | timeout", "attempt 3 | timeout", "recovery 1")
	p.do(chromedp.Click(chromedp.CSS(".chip[data-state=exhausted]")))
	p.wantRows("nightly", "summary | recovered, 2 attempts", "attempt 1 | timeout", "rates | exhausted, 3 attempts",
		"attempt 1 | timeout", "attempt 2 | timeout", "attempt 3 | timeout")
	pressed := get[string](p, "document.querySelector('.chip[data-state=exhausted]').getAttribute('aria-pressed')")
	if pressed != "true" {
		t.Errorf("the pressed filter says %q", pressed)
	}
	p.do(chromedp.Click(chromedp.CSS(".chip[data-state=exhausted]")), chromedp.Click(chromedp.CSS("#retried")))
	p.wantRows(everyRow...)
	outcomes := get[[]string](p,
		"[...document.querySelectorAll('#states .chip')].map((c) => c.innerText.replace(/\\s+/g, ' ').trim())")
	if !slices.Equal(outcomes, []string{"succeeded 3", "recovered 2", "exhausted 1"}) {
		t.Errorf("outcomes %q", outcomes)
	}

	// A name in the table searches for it.
	p.do(chromedp.Click(chromedp.JSPath(
		"[...document.querySelectorAll('th button')].find((b) => b.textContent === 'rates')")))
	p.wantRows("nightly", "summary | recovered, 2 attempts", "attempt 1 | rates: gave up after 3 attempts: timeout",
		"rates | exhausted, 3 attempts", "attempt 1 | timeout", "attempt 2 | timeout", "attempt 3 | timeout",
		"recovery 1", "rates")
}

func TestFolds(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	p.do(chromedp.Click(chromedp.CSS("#fold")))
	p.wantRows("nightly", "load", "list_files", "data_load | recovered, 3 attempts | connection reset by peer",
		"summary | recovered, 2 attempts", "attempt 1 | timeout", "rates | exhausted, 3 attempts | timeout",
		"recovery 1", "rates")
	p.do(chromedp.Click(chromedp.CSS(p.row("data_load", 0) + " .twist")))
	p.wantRows("nightly", "load", "list_files", "data_load | recovered, 3 attempts",
		"attempt 1 | GET /prices: 503 Service Unavailable",
		"attempt 2 | read tcp 127.0.0.1:9: connection reset by peer", "attempt 3",
		"summary | recovered, 2 attempts", "attempt 1 | timeout", "rates | exhausted, 3 attempts | timeout",
		"recovery 1", "rates")
	got := get[string](p, fmt.Sprintf("document.querySelector(%q).getAttribute('aria-expanded')", p.row("rates", 0)))
	if got != "false" {
		t.Errorf("aria-expanded of a folded row is %q", got)
	}
	// A search looks into folds, and leaves them as they were.
	p.do(chromedp.Focus(chromedp.CSS("#search")))
	p.keys("timeout")
	if got := strings.Join(p.rows(), "\n"); !strings.Contains(got, "attempt 3 | timeout") {
		t.Errorf("a search does not find what is folded:\n%s", got)
	}
	p.keys(strings.Repeat(kb.Backspace, 7))
	if got := len(p.rows()); got != 12 {
		t.Errorf("%d rows after the search, want the 12 before it", got)
	}
}
