package report

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hostile are texts that try to become markup, to hide or to disturb others, and what a reader must see of each.
var hostile = []struct{ text, shown string }{
	{`</script><script>pwned=1</script>`, ""},
	{`<!--<script>pwned=1//`, ""},
	{`<img src=x onerror=pwned=1>`, ""},
	{`"><svg onload=pwned=1>`, ""},
	{`' onmouseover='pwned=1`, ""},
	{`javascript:pwned=1`, ""},
	{`&lt;b&gt; &amp;quot;`, ""},
	{"\u202eevil\u202c", "⟨U+202E⟩evil⟨U+202C⟩"},
	{"a\x00b", "a␀b"},
	{"\x1b[31mred\x1b[0m", "red"},
	{"zero\u200bwidth", "zero⟨U+200B⟩width"},
	{"__proto__", ""},
	{"constructor", ""},
	{"שלום עולם", ""},
	{"👩‍🚀 ok", ""},
	{"tower" + strings.Repeat("\u0301", 200), "tower" + strings.Repeat("\u0301", 4)},
}

// Whatever stands in names, errors and attributes is seen as text, and does nothing.
func TestHostileTextIsInert(t *testing.T) {
	tr := newTrace()
	for i, h := range hostile {
		tr.operation(-1, h.text, float64(10*i), "recovered", call{4, 2, h.text}, call{took: 2})
		tr.spans[len(tr.spans)-3].attributes[h.text] = h.text
		tr.spans[len(tr.spans)-2].attributes["error.type"] = h.text
	}
	tr.session = `"><img src=x onerror=pwned=1>`
	p := open(t, pageOf(t, `it's "a" <b>.json`, tr.json()), desktop)
	table := get[[]string](p, "[...document.querySelectorAll('th.name')].map((n) => n.textContent)")
	for i, h := range hostile {
		want := h.shown
		if want == "" {
			want = h.text
		}
		if !slices.Contains(table, want) {
			t.Errorf("no line of the table says %q", want)
		}
		// Point at it, open it: tip and details make text of it too.
		row := fmt.Sprintf(".row[data-row='%d']", 3*i+1)
		if !get[bool](p, fmt.Sprintf("document.querySelector(%q) !== null", row)) {
			p.run(fmt.Sprintf("document.querySelector('.grid').scrollTop = %d * 28", 3*i))
			p.wait(fmt.Sprintf("document.querySelector(%q) !== null", row))
		}
		got := get[string](p, fmt.Sprintf("document.querySelector(%q).querySelector('.error').textContent", row))
		if !strings.Contains(got, want) {
			t.Errorf("a row says %q, want %q", got, want)
		}
		p.run(fmt.Sprintf("document.querySelector(%q).focus()", row))
		for name, got := range map[string]string{
			"tip": get[string](p, "document.getElementById('tip').textContent"),
			"details": func() string {
				p.keys(kb.Enter)
				return get[string](p, "document.getElementById('inspector').textContent")
			}(),
		} {
			if !strings.Contains(got, want) {
				t.Errorf("the %s of %q say %q", name, want, got)
			}
		}
	}
	p.do(chromedp.Focus(chromedp.CSS("#search")))
	p.keys("<img")
	if got := get[string](p, "document.querySelector('mark').textContent"); got != "<img" {
		t.Errorf("searching for markup marks %q", got)
	}
	if get[bool](p,
		"'pwned' in window || document.querySelectorAll('main img, main svg[onload], body > script').length > 2") {
		t.Error("text became markup or code")
	}
}

// Text of the other direction, or with marks that climb, stays in its row and leaves its neighbours alone.
func TestHostileTextStaysInItsPlace(t *testing.T) {
	tr := newTrace()
	for _, name := range []string{
		"plain", "אבגדה", "tower" + strings.Repeat("\u0301\u0323", 500),
		strings.Repeat("very long ", 5000), "line\nbreak",
	} {
		tr.operation(-1, name, 0, "recovered", call{10, 2, "failed: " + name}, call{took: 2})
	}
	p := open(t, pageOf(t, "trace.json", tr.json()), desktop)
	heights := get[[]float64](p, "[...document.querySelectorAll('.row')].map((r) => r.getBoundingClientRect().height)")
	for _, h := range heights {
		if h != heights[0] {
			t.Errorf("rows have different heights: %v", heights)
			break
		}
	}
	if wide := get[float64](p, "document.documentElement.scrollWidth"); wide > 1280 {
		t.Errorf("the page is %v wide", wide)
	}
	// The words beside a name from right to left stand on its right all the same.
	if !get[bool](p, `[...document.querySelectorAll('.operation')].every((r) =>
		r.querySelector('.said').getBoundingClientRect().left >= r.querySelector('.name').getBoundingClientRect().right)`) {
		t.Error("a name turned around what stands beside it")
	}
}

// Even code that got into the page could not load, send or make markup: the browser refuses.
func TestPolicyHolds(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	p.forgive("Content Security Policy", "Trusted") // what we try below
	got := get[[]string](p, `(() => {
		const refused = [];
		const attempt = (name, f) => { try { f(); } catch { refused.push(name); } };
		attempt('innerHTML', () => { document.body.innerHTML += '<b>x</b>'; });
		attempt('script text', () => { document.createElement('script').textContent = 'pwned = 1'; });
		attempt('policy', () => trustedTypes.createPolicy('x', {}));
		return refused;
	})()`)
	if !slices.Equal(got, []string{"innerHTML", "script text", "policy"}) {
		t.Errorf("refused: %v", got)
	}
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`fetch('data:,x').then(() => 'sent')`,
		chromedp.EvalAwaitPromise))
	if err == nil {
		t.Error("the page could fetch")
	}
}

// A page that logs an error or asks the network for something is noticed.
func TestComplaintsAreHeard(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	p.run(
		"console.error('spoken'); setTimeout(() => { throw new Error('thrown'); }); new Image().src = 'http://127.0.0.1:9/x.png'")
	for _, want := range []string{"spoken", "thrown", "127.0.0.1:9"} {
		for n := 0; !strings.Contains(strings.Join(p.complaints(), "\n"), want); n++ {
			if n == 200 {
				t.Fatalf("the page's %q is not heard: %q", want, p.complaints())
			}
			p.wait("new Promise((done) => setTimeout(() => done(true), 10))")
		}
	}
	p.forgive("spoken", "thrown", "127.0.0.1:9", "Content Security Policy")
}

// The script writes durations as the program does; both are held to the same table.
func TestDurationsOfTheScript(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	source, err := os.ReadFile("../../cmd/backspan/internal/page/page/words.js")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("../../cmd/backspan/internal/text/testdata/durations.txt")
	if err != nil {
		t.Fatal(err)
	}
	var inputs, want []string
	for line := range strings.Lines(string(table)) {
		us, text, _ := strings.Cut(strings.TrimSpace(line), "\t")
		inputs, want = append(inputs, us), append(want, text)
	}
	got := get[[]string](p, fmt.Sprintf("(() => { %s; return [%s].map(duration); })()",
		source, strings.Join(inputs, ",")))
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%sµs: %q, want %q", inputs[i], got[i], want[i])
		}
	}
}

// Ten thousand spans are on the screen in less than a second, and searched while one types.
func TestTenThousandSpans(t *testing.T) {
	tr := large(10_000)
	p := open(t, pageOf(t, "trace.json", tr.json()), desktop)
	p.wait("performance.getEntriesByName('first-contentful-paint').length > 0")
	paint := get[float64](p, "performance.getEntriesByName('first-contentful-paint')[0].startTime")
	ready := get[float64](p, "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
	t.Logf("%d spans: first paint after %.0f ms, all ready after %.0f ms", len(tr.spans), paint, ready)
	if paint > 1000 || ready > 3000 {
		t.Errorf("first paint after %.0f ms, ready after %.0f ms; want 1000 and 3000 at most", paint, ready)
	}
	if n := get[int](p, "document.querySelectorAll('.row').length"); n < 20 || n > 100 {
		t.Errorf("%d rows have elements, want those in sight", n)
	}
	search := func(words string) float64 {
		t.Helper()
		return get[float64](p, fmt.Sprintf(`(() => {
			const search = document.getElementById('search');
			search.value = %q;
			const start = performance.now();
			search.dispatchEvent(new Event('input'));
			document.querySelector('.grid').offsetHeight; // the layout counts too
			return performance.now() - start;
		})()`, words))
	}
	took := search("needle")
	t.Logf("a search takes %.0f ms", took)
	if took > 500 {
		t.Errorf("a search takes %.0f ms, want less than 500", took)
	}
	// An operation that gave up says the needle too; its attempts are below it.
	got, want := p.text("#count"), 4*strings.Count(string(tr.json()), `"needle`)
	if !strings.HasPrefix(got, strconv.Itoa(want)+" of") {
		t.Errorf("count %q, want %d", got, want)
	}
	search("")
	p.do(chromedp.Focus(chromedp.CSS(p.row("backfill", 0))))
	p.keys(kb.End)
	const row = "document.activeElement.getAttribute('aria-rowindex')"
	const rows = "document.getElementById('grid').getAttribute('aria-rowcount')"
	if got := get[string](p, row); got != get[string](p, rows) {
		t.Errorf("End leads to row %s", got)
	}
	if !get[bool](p,
		"(() => { const r = document.activeElement.getBoundingClientRect(); const g = document.getElementById('grid').getBoundingClientRect(); return r.top >= g.top && r.bottom <= g.bottom + 1; })()") {
		t.Error("the row with the focus is not in sight")
	}
	p.run("document.getElementById('grid').scrollTop = 0")
	p.wait("[...document.querySelectorAll('.name')].some((n) => n.textContent === 'day_000')")
	if n := get[int](p, "document.querySelectorAll('.row').length"); n > 100 {
		t.Errorf("%d rows have elements after scrolling", n)
	}
	if !get[bool](p, "document.activeElement.matches('.row')") {
		t.Error("the focus is lost when its row is scrolled out of sight")
	}
}
