package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// withoutScripts loads the page again, with scripts off.
func (p *tab) withoutScripts(path string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	p.must(err)
	p.do(chromedp.Reload())
}

func (p *tab) background() string {
	p.t.Helper()
	return get[string](p, "getComputedStyle(document.body).backgroundColor")
}

func TestThemes(t *testing.T) {
	path := nightlyPage(t)
	light := open(t, path, desktop)
	dark := desktop
	dark.dark = true
	system := open(t, path, dark)
	paper, night := light.background(), system.background()
	if paper == night {
		t.Fatalf("both themes have the background %s", paper)
	}
	for _, step := range []struct{ label, background string }{
		{"Theme: light", paper}, {"Theme: dark", night}, {"Theme: system", night},
	} {
		system.do(chromedp.Click(chromedp.CSS("#theme")))
		if got := system.text("#theme"); got != step.label {
			t.Errorf("the button says %q, want %q", got, step.label)
		}
		if got := system.background(); got != step.background {
			t.Errorf("%s: background %s, want %s", step.label, got, step.background)
		}
	}
	light.do(chromedp.Click(chromedp.CSS("#theme")), chromedp.Click(chromedp.CSS("#theme")), chromedp.Reload())
	if got := light.background(); got != night {
		t.Errorf("after a reload the choice is gone: background %s, want %s", got, night)
	}
}

// low finds texts whose contrast with what they stand on is below 4.5:1, and bars and icons below 3:1 (WCAG AA).
const low = `(() => {
	const parse = (c) => { const [r, g, b, a = 1] = c.match(/[\d.]+/g).map(Number); return c.startsWith('color(') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a]; };
	const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
	const ground = (e) => { const stack = []; for (; e; e = e.parentElement) stack.push(parse(getComputedStyle(e).backgroundColor)); return stack.reverse().reduce((below, c) => over(c, below), [255, 255, 255, 1]); };
	const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
	const bad = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let texts = 0;
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('.hidden, .skip, script, style')) continue;
		texts++;
		const back = ground(e);
		const c = contrast(over(parse(getComputedStyle(e).color), back), back);
		if (c < 4.5) bad.push(e.className + ' "' + walk.currentNode.data.trim().slice(0, 30) + '" ' + c.toFixed(2));
	}
	for (const e of document.querySelectorAll('.bar.work, .bar.thin, .icon')) {
		if (!e.checkVisibility()) continue;
		const style = getComputedStyle(e);
		const inner = e.matches('svg') ? parse(style.color) : parse(style.backgroundColor);
		const back = e.matches('.chart .icon') ? parse(style.backgroundColor) : ground(e.parentElement);
		const c = contrast(inner, back);
		if (c < 3) bad.push('<' + (e.className.baseVal ?? e.className) + '> ' + c.toFixed(2));
	}
	if (texts < 100) bad.push('only ' + texts + ' texts were looked at');
	return [...new Set(bad)];
})()`

func TestContrast(t *testing.T) {
	path := nightlyPage(t)
	for _, dark := range []bool{false, true} {
		s := desktop
		s.dark, s.calm = dark, true // a colour on its way to another is none to measure
		p := open(t, path, s)
		check := func(when string) {
			t.Helper()
			for _, bad := range get[[]string](p, low) {
				t.Errorf("dark %v, %s: %s", dark, when, bad)
			}
		}
		check("at first")
		p.do(chromedp.Click(chromedp.CSS(p.row("attempt 1", 0) + " .name")))
		check("with a row and its details")
		p.pointAt(p.row("data_load", 0) + " .what")
		p.wait(tipShown)
		check("with a tip")
		p.run(
			"document.getElementById('search').value = 'connection'; document.getElementById('search').dispatchEvent(new Event('input'))")
		p.do(chromedp.Click(chromedp.CSS(".chip[data-state=recovered]")))
		check("with a filter")
		p.run(
			"document.getElementById('search').value = ''; document.getElementById('search').dispatchEvent(new Event('input')); document.getElementById('text').open = true")
		check("with the text")
	}
}

func TestCalm(t *testing.T) {
	s := desktop
	s.calm = true
	p := open(t, nightlyPage(t), s)
	moving := get[[]string](p,
		`[...document.querySelectorAll('*')].filter((e) => parseFloat(getComputedStyle(e).transitionDuration) > 0 || getComputedStyle(e).animationName !== 'none').map((e) => e.className)`)
	if len(moving) > 0 {
		t.Errorf("with reduced motion these still move: %q", moving)
	}
}

// On paper everything is there: each row, unfolded, with its whole error; nothing that is only to be clicked.
func TestPrint(t *testing.T) {
	p := open(t, longErrors(t), desktop)
	p.do(chromedp.Click(chromedp.CSS("#fold")))
	p.do(chromedp.Click(chromedp.CSS("#in")))
	p.run("dispatchEvent(new Event('beforeprint'))")
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	p.must(err)
	if got := p.text("#body"); strings.Count(got, "attempt") < 2 || !strings.Contains(got, "END") {
		t.Errorf("on paper the rows are %q", got)
	}
	if got := get[string](p, "document.querySelector('.tick').textContent"); got != "0" {
		t.Errorf("on paper the time begins at %s", got)
	}
	for _, selector := range []string{".tools", "#theme", "#keys", "#inspector", "#tip", "details"} {
		if p.visible(selector) {
			t.Errorf("%s is on paper", selector)
		}
	}
	if got := p.background(); got != "rgb(255, 255, 255)" {
		t.Errorf("the paper is %s", got)
	}
	_, err = chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	p.must(err)
	p.run("dispatchEvent(new Event('afterprint'))")
	if got := len(p.rows()); got != 2 {
		t.Errorf("after printing there are %d rows, want the 2 folded ones", got)
	}
}

func TestPrintOfALargeRun(t *testing.T) {
	p := open(t, pageOf(t, "trace.json", large(2000).json()), desktop)
	p.do(chromedp.Click(chromedp.CSS("#everything")))
	pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	p.must(err)
	pages := bytes.Count(pdf, []byte("/Type /Page\n"))
	if pages < 10 || pages > 40 {
		t.Errorf("2,000 spans are %d pages", pages)
	}
	if got := len(p.rows()); got > 100 {
		t.Errorf("after printing there are %d rows with elements", got)
	}
}

// Nobody waits for hundreds of pages: what is left out is said, and how to get it.
func TestPrintOfAHugeRun(t *testing.T) {
	p := open(t, pageOf(t, "trace.json", large(10_000).json()), desktop)
	p.do(chromedp.Click(chromedp.CSS("#everything")))
	all := get[int](p, "document.getElementById('grid').getAttribute('aria-rowcount') - 1")
	p.run("dispatchEvent(new Event('beforeprint'))")
	if got := len(p.rows()); got != 2000 {
		t.Errorf("on paper there are %d rows, want 2000", got)
	}
	want := fmt.Sprintf("%d more rows are not printed; a search or a filter chooses others.", all-2000)
	if got := p.text("#body .beyond"); got != want {
		t.Errorf("at the end of the rows it says %q, want %q", got, want)
	}
	p.run("dispatchEvent(new Event('afterprint'))")
	if got := get[int](p, "document.querySelectorAll('.beyond').length"); got != 0 {
		t.Error("after printing it is still said that rows are missing")
	}
	p.do(chromedp.Focus(chromedp.CSS("#search")))
	p.keys("needle 7")
	p.run("dispatchEvent(new Event('beforeprint'))")
	if got := len(p.rows()); got == 0 || got >= 2000 || get[bool](p, "document.querySelector('.beyond') !== null") {
		t.Errorf("of what a search found there are %d rows on paper", got)
	}
}

// What a screen reader is told: a tree of rows with names, levels and states.
func TestAccessibilityTree(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	tree := p.accessible()
	for _, want := range []string{
		"treegrid: Waterfall", "columnheader: took", "searchbox: Search names and errors", "button: recovered 2",
		"checkbox: only retried", "heading: Waterfall", "region: Operations", "status: ",
	} {
		if !slices.ContainsFunc(tree, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("the tree has no %q", want)
		}
	}
	row := slices.IndexFunc(tree, func(line string) bool {
		return strings.HasPrefix(line, "row: ") && strings.Contains(line, "data_load")
	})
	if row < 0 {
		t.Fatalf("no row data_load in\n%s", strings.Join(tree, "\n"))
	}
	for _, want := range []string{"recovered", "3 attempts", "1.5s", "750ms"} {
		if !strings.Contains(tree[row], want) {
			t.Errorf("%s: it does not say %q", tree[row], want)
		}
	}
}

// accessible lists what a screen reader finds, as "role: name".
func (p *tab) accessible() (list []string) {
	p.t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	p.must(err)
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		name := ""
		if n.Name != nil {
			name = strings.Trim(string(n.Name.Value), `"`)
		}
		list = append(list, strings.Trim(string(n.Role.Value), `"`)+": "+name)
	}
	return list
}
