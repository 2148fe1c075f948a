package report

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const onlyRetried = "document.getElementById('retried').checked"

// A page of more than 200 rows opens on what was retried or failed; all the rest is one click away.
func TestLargePageOpensOnWhatWasRetried(t *testing.T) {
	tr := large(400)
	p := open(t, pageOf(t, "trace.json", tr.json()), desktop)
	if !get[bool](p, onlyRetried) {
		t.Fatal("the filter is off")
	}
	p.wantRows("backfill", "day_000",
		"fetch_07 | recovered, 2 attempts", "attempt 1 | GET /prices: 503 Service Unavailable", "attempt 2",
		"fetch_11 | exhausted, 3 attempts", "attempt 1 | connection refused", "attempt 2 | connection refused",
		"attempt 3 | needle 0: connection refused", "day_003",
		"fetch_07 | recovered, 2 attempts", "attempt 1 | GET /prices: 503 Service Unavailable", "attempt 2",
		"day_006",
		"fetch_07 | recovered, 2 attempts", "attempt 1 | GET /prices: 503 Service Unavailable", "attempt 2",
		"day_009",
		"fetch_07 | recovered, 2 attempts", "attempt 1 | GET /prices: 503 Service Unavailable", "attempt 2")
	all := get[int](p, "JSON.parse(document.getElementById('data').textContent).rows.length")
	if got, want := p.text("#count"), fmt.Sprintf("16 of %d rows fit", all); got != want {
		t.Errorf("count %q, want %q", got, want)
	}
	if got := p.text("#opened"); !strings.HasPrefix(got, "The page opens on what was retried or failed.") {
		t.Errorf("above the rows it says %q", got)
	}
	p.do(chromedp.Click(chromedp.CSS("#everything")))
	want := fmt.Sprintf("%d rows", all)
	if got := p.text("#count"); got != want || p.visible("#opened") || get[bool](p, onlyRetried) {
		t.Errorf("after a click on it the count is %q, want %q", got, want)
	}

	// One that failed without a retry is not hidden.
	tr = large(400)
	tr.operation(0, "no_retry", 1, "permanent", call{took: 1, err: "no such table"})
	p = open(t, pageOf(t, "trace.json", tr.json()), desktop)
	if got := strings.Join(p.rows(), "\n"); !strings.Contains(got, "no_retry | permanent | no such table") {
		t.Errorf("an operation that failed at once is not among\n%s", got)
	}
}

// A page that is short, or on which nothing was retried, shows everything.
func TestOtherPagesOpenOnEverything(t *testing.T) {
	healthy := newTrace()
	for i := range 300 {
		healthy.operation(-1, "get", float64(i), "success", call{took: 1})
	}
	for name, tr := range map[string]*trace{"20 rows": nightly(), "nothing retried": healthy} {
		p := open(t, pageOf(t, "trace.json", tr.json()), desktop)
		if get[bool](p, onlyRetried) || p.visible("#opened") || strings.Contains(p.text("#count"), "fit") {
			t.Errorf("%s: the page opens with a filter, count %q", name, p.text("#count"))
		}
	}
}

func TestPillSaysWhatHappened(t *testing.T) {
	for want, tr := range map[string]*trace{
		"recovered, 1 operation given up":  nightly(),
		"recovered, 4 operations given up": large(1500),
	} {
		p := open(t, pageOf(t, "trace.json", tr.json()), desktop)
		got := get[[]string](p, "((e) => [e.textContent, e.className])(document.querySelector('.pill'))")
		if got[0] != want || got[1] != "pill recovered" {
			t.Errorf("the pill says %q, want %q in amber", got, want)
		}
	}
}

// The table by error counts each class, and finds its attempts.
func TestTableOfErrors(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	p.wantErrors("timeout timeout in rates 3 1 300ms 2s",
		"connection reset by peer timeout in data_load read tcp 127.0.0.1:9: connection reset by peer 1 0 200ms 500ms",
		"503 Service Unavailable timeout in data_load GET /prices: 503 Service Unavailable 1 0 200ms 250ms")
	p.do(chromedp.Click(chromedp.JSPath("[...document.querySelectorAll('th.cause button')][1]")))
	p.wantRows("nightly", "load", "data_load | recovered, 3 attempts",
		"attempt 2 | read tcp 127.0.0.1:9: connection reset by peer")
	if got := get[string](p, "document.activeElement.dataset.row"); got != "5" {
		t.Errorf("the focus is on row %s, want attempt 2", got)
	}
	if got := strings.Fields(p.text("#cause")); strings.Join(got, " ") != "connection reset by peer ×" {
		t.Errorf("the filter says %q", got)
	}
	// It also looks into folds, and ends like any other filter.
	p.do(chromedp.Click(chromedp.CSS("#fold")))
	p.do(chromedp.Click(chromedp.JSPath("[...document.querySelectorAll('th.cause button')][0]")))
	if got := strings.Join(p.rows(), "\n"); strings.Count(got, "timeout") < 3 {
		t.Errorf("rows of the error\n%s", got)
	}
	p.do(chromedp.Click(chromedp.CSS("#fold")), chromedp.Click(chromedp.CSS("#cause")))
	p.wantRows(everyRow...)
	if p.visible("#cause") {
		t.Error("the filter is still shown")
	}
	// By keyboard.
	p.do(chromedp.Focus(chromedp.JSPath("document.querySelector('th.cause button')")))
	p.keys(kb.Enter)
	if got := p.text("#count"); got != "5 of 15 rows fit" {
		t.Errorf("count %q", got)
	}
}

func (p *tab) wantErrors(want ...string) {
	p.t.Helper()
	got := get[[]string](p, `[...document.querySelectorAll('.errors tbody tr')].map((r) =>
		[...r.querySelectorAll('bdi, td')].map((e) => e.textContent).filter(Boolean).join(' '))`)
	if !slices.Equal(got, want) {
		p.t.Errorf("errors\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// A phase that failed says why in its own row, and so does each of its tries.
func TestPhasesSayWhyTheyFailed(t *testing.T) {
	tr := newTrace()
	run := tr.add(-1, "run", "nightly", 0, 900, "publish: upload: 503", map[string]any{"run.status": "failed"})
	for i, name := range []string{"publish", "mail"} {
		from := float64(400 * i)
		why := name + "_step: gave up after 2 attempts: POST /" + name + ": 503 Service Unavailable"
		phase := tr.add(run, "phase", name, from, from+400, why, map[string]any{
			"phase.status": "failed", "recovery.attempted": true, "recovery.attempts": 1,
		})
		for k, kind := range []string{"attempt", "recovery"} {
			attributes := map[string]any{"retry.attempt": 1, "retry.result": []string{"retrying", "failed"}[k]}
			at := from + float64(200*k)
			try := tr.add(phase, kind, kind+" 1", at, at+100, why, attributes)
			post := "POST /" + name + ": 503 Service Unavailable"
			tr.operation(try, name+"_step", at, "exhausted", call{20, 30, post}, call{20, 0, post})
		}
	}
	p := open(t, pageOf(t, "trace.json", tr.json()), desktop)
	rows := strings.Join(p.rows(), "\n")
	for _, want := range []string{
		"publish | failed, 2 attempts | 503 Service Unavailable\nattempt 1 | 503 Service Unavailable\npublish_step",
		"mail | failed, 2 attempts | 503 Service Unavailable\n", "recovery 1 | 503 Service Unavailable\nmail_step",
	} {
		if !strings.Contains(rows, want) {
			t.Errorf("no %q in\n%s", want, rows)
		}
	}
}

// A wait has one length wherever it is told, the one that was measured; what was planned is told where it was cut.
func TestWaitsAreToldInOneWay(t *testing.T) {
	tr := newTrace()
	tr.operation(-1, "late", 0, "recovered", call{100, 600, "busy"}, call{took: 100})
	tr.spans[1].attributes["retry.next_delay_seconds"] = 0.5
	tr.operation(-1, "cut", 900, "cancelled", call{100, 300, "busy"})
	tr.spans[4].attributes["retry.next_delay_seconds"] = 8.0
	tr.spans[4].attributes["retry.result"] = "retrying"
	p := open(t, pageOf(t, "trace.json", tr.json()), desktop)
	for _, c := range []struct {
		row       int
		took, tip string
	}{{1, "600ms", "600ms"}, {4, "300ms", "300ms (wait of 8s cut short)"}} {
		selector := fmt.Sprintf(".row[data-row='%d']", c.row)
		if got := p.text(selector + " .waited"); got != c.took {
			t.Errorf("the row says %q, want %q", got, c.took)
		}
		p.pointAt(selector + " .what")
		p.wait(tipShown)
		if got := p.text("#tip"); !strings.Contains(got, "waited after\n"+c.tip+"\n") {
			t.Errorf("the tip does not say %q:\n%s", c.tip, got)
		}
		p.keys(kb.Escape)
	}
	if got := p.text(".row[data-row='4'] .cut"); got != "wait of 8s cut short" {
		t.Errorf("the row says %q", got)
	}
	got := get[string](p, "document.querySelector('details pre').textContent")
	if !strings.Contains(got, "wait of 8s cut short") {
		t.Errorf("the terminal's picture says something else:\n%s", got)
	}
}

// cut finds what of the rows in sight is not to be read: reasons and names that are wider or higher than their places,
// and words outside of their row.
const cut = `[...document.querySelectorAll('.row')].flatMap((r) => {
	const row = r.getBoundingClientRect();
	return [...r.querySelectorAll('.name, .note > *')].filter((e) => {
		const box = e.getBoundingClientRect();
		return e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1
			|| e.clientHeight > 0 && e.scrollHeight > e.clientHeight + 1
			|| box.left < row.left || box.right > row.right + 1 || box.bottom > row.bottom + 1;
	}).map((e) => e.textContent);
})`

// overlaps finds rows that do not begin where the row before them ends.
const overlaps = `(() => {
	const boxes = [...document.querySelectorAll('.row')].map((r) => r.getBoundingClientRect());
	boxes.sort((a, b) => a.top - b.top);
	return boxes.slice(1).map((b, i) => b.top - boxes[i].bottom).filter((gap) => gap < -1);
})()`

// On a phone nothing scrolls sideways, and every reason can be read to its end.
func TestPhoneCutsNoReason(t *testing.T) {
	narrow := screen{width: 390, height: 844, scale: 2, phone: true}
	demo, err := os.ReadFile("testdata/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	long := nightly()
	long.spans[6].err = "GET https://prices.internal.example.com/v1/quotes?symbol=MSFT&from=2026-01-01: dial tcp " +
		"10.12.4.17:443: connect: connection refused by the firewall of the other data centre, as every night"
	long.spans[3].name = "download_everything_that_there_is_from_the_archive"
	for name, log := range map[string][]byte{
		"the demo": demo, "long reasons": long.json(), "a large run": large(5000).json(),
	} {
		p := open(t, pageOf(t, "trace.json", log), narrow)
		if got := get[float64](p, "document.documentElement.scrollWidth"); got > 390 {
			t.Errorf("%s: the page is %v pixels wide, the phone 390", name, got)
		}
		for range 4 {
			if got := get[[]string](p, cut); len(got) > 0 {
				t.Errorf("%s: cut are %q", name, got)
			}
			if got := get[[]float64](p, overlaps); len(got) > 0 {
				t.Errorf("%s: rows overlap by %v pixels", name, got)
			}
			p.run("document.getElementById('grid').scrollTop += 2000")
			p.wait("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
		}
		wide := get[[]string](p, `[...document.querySelectorAll('.scroll')]
			.filter((s) => s.scrollWidth > s.clientWidth).map((s) => s.innerText)`)
		if len(wide) > 0 {
			t.Errorf("%s: tables scroll sideways: %q", name, wide)
		}
	}
	p := open(t, pageOf(t, "trace.json", long.json()), narrow)
	if got := p.text(p.row("attempt 1", 0)); !strings.Contains(got, "of the other data centre, as every night") {
		t.Errorf("the row says %q", got)
	}
	// Turned to its side and back.
	p.look(screen{width: 844, height: 390, scale: 2, phone: true})
	p.wait("document.getElementById('grid').clientWidth > 700")
	p.look(narrow)
	p.wait("document.getElementById('grid').clientWidth < 400")
	p.wait("parseFloat(document.querySelector('.row').style.height) >= 46")
	if got := get[[]string](p, cut); len(got) > 0 {
		t.Errorf("turned to its side and back, cut are %q", got)
	}
}

// A wide screen is used to its edges: the waterfall is as wide as it, and the tables stand beside each other.
func TestWideScreen(t *testing.T) {
	p := open(t, nightlyPage(t), screen{width: 1920, height: 1080, scale: 1})
	if got := get[float64](p, "document.getElementById('grid').offsetWidth"); got < 1780 {
		t.Errorf("of 1920 pixels the waterfall has %v", got)
	}
	tops := get[[]float64](p, `[...document.querySelectorAll('.tables > section')]
		.map((s) => s.getBoundingClientRect().top)`)
	if len(tops) != 2 || tops[0] != tops[1] {
		t.Errorf("the tables begin at the heights %v, want one height", tops)
	}
	head := get[[]float64](p,
		"['h1', 'h2'].map((s) => document.querySelector('header ' + s).getBoundingClientRect().top)")
	if math.Abs(head[0]-head[1]) > 40 {
		t.Errorf("name and times begin at the heights %v, want them beside each other", head)
	}
}

// The time line, its lines and the bars agree on every screen.
func TestTimeLineIsAboveTheBars(t *testing.T) {
	for _, width := range []int64{390, 800, 1440, 1920} {
		p := open(t, nightlyPage(t), screen{width: width, height: 1000, scale: 1, phone: width < 500})
		got := get[[]float64](p, `['#axis', '#lines', '.row .chart'].flatMap((s) => {
			const box = document.querySelector(s).getBoundingClientRect();
			return [box.left, box.width];
		})`)
		for i := 2; i < len(got); i++ {
			if math.Abs(got[i]-got[i%2]) > 0.5 {
				t.Errorf("at %d pixels the time line, its lines and the bars have their left edges and widths at %v",
					width, got)
				break
			}
		}
	}
}
