package report

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// place is the middle of an element.
func (p *tab) place(selector string) (x, y float64) {
	p.t.Helper()
	at := get[[]float64](p, fmt.Sprintf(`(() => {
		const b = document.querySelector(%q).getBoundingClientRect();
		return [b.left + b.width / 2, b.top + b.height / 2];
	})()`, selector))
	return at[0], at[1]
}

func (p *tab) pointAt(selector string) {
	p.t.Helper()
	x, y := p.place(selector)
	p.do(chromedp.MouseEvent("mouseMoved", x, y))
}

const tipShown = "!document.getElementById('tip').hidden"

func TestErrorsAreReadByPointing(t *testing.T) {
	p := open(t, longErrors(t), desktop)
	p.pointAt(p.row("attempt 1", 0) + " .what")
	p.wait(tipShown)
	tip := p.text("#tip")
	for _, want := range []string{
		"attempt 1 of data_load", "failed, retried", "503 Service Unavailable", "END", "+0s · 19:11:43.000 UTC",
		"took\n200ms", "waited after\n250ms", "error type\ntimeout",
	} {
		if !strings.Contains(tip, want) {
			t.Errorf("the tip does not say %q:\n%s", want, tip)
		}
	}
	// It stays while one reads it, and goes when one leaves or says so.
	p.pointAt("#tip")
	p.wait(tipShown + " && document.getElementById('tip').matches(':hover')")
	p.pointAt("h1")
	p.wait("document.getElementById('tip').hidden")
	p.pointAt(p.row("data_load", 0) + " .what")
	p.wait(tipShown)
	if got := p.text("#tip .tries"); !strings.Contains(got, "attempt 1") || !strings.Contains(got, "END") {
		t.Errorf("an operation's tip does not say why its attempts failed: %q", got)
	}
	p.keys(kb.Escape)
	p.wait("document.getElementById('tip').hidden")
}

// The keyboard reaches every row, and a row that has the focus shows its error.
func TestErrorsAreReadByKeyboard(t *testing.T) {
	p := open(t, longErrors(t), desktop)
	p.do(chromedp.Focus(chromedp.CSS("#all"))) // what comes before the rows
	p.keys(kb.Tab)
	active := "document.activeElement.querySelector?.('.name')?.textContent"
	if got := get[string](p, active); got != "data_load" {
		t.Fatalf("Tab leads to %q, want the first row", got)
	}
	p.keys(kb.ArrowDown)
	p.wait(tipShown)
	if got := p.text("#tip"); !strings.Contains(got, "attempt 1 of data_load") || !strings.Contains(got, "END") {
		t.Errorf("the tip of the row with the focus is %q", got)
	}
	if got := get[string](p, "document.activeElement.getAttribute('aria-describedby')"); got != "tip" {
		t.Errorf("the row is described by %q, want the tip", got)
	}
	if !get[bool](p, "getComputedStyle(document.activeElement).outlineStyle !== 'none'") {
		t.Error("the focus is not to be seen")
	}
	p.keys(kb.Escape)
	p.wait("document.getElementById('tip').hidden")

	step := func(key, want string) {
		t.Helper()
		p.keys(key)
		if got := get[string](p, active); got != want {
			t.Errorf("the focus is on %q, want %q", got, want)
		}
	}
	step(kb.End, "other")
	step(kb.Home, "data_load")
	step(kb.ArrowRight, "attempt 1")
	step(kb.ArrowLeft, "data_load")
	step(kb.ArrowLeft, "data_load") // folds
	if got := p.rows(); len(got) != 2 ||
		!strings.HasPrefix(got[0], "data_load | recovered, 2 attempts | the upstream is busy") {
		t.Errorf("folded there are %q", got)
	}
	step(kb.ArrowRight, "data_load") // unfolds
	step(kb.PageDown, "other")
	step(kb.PageUp, "data_load")
	step(kb.ArrowDown, "attempt 1")

	// One tab stop for all rows; the next is what follows them.
	p.keys(kb.Enter)
	if got := get[string](p, "document.activeElement.id"); got != "inspector" {
		t.Errorf("Enter leads to %q, want the details", got)
	}
	if got := p.text("#inspector"); !strings.Contains(got, "END") ||
		!strings.Contains(got, "trace\n00000000000000000000000000000abc") ||
		!strings.Contains(got, "span\n0000000000000002") {
		t.Errorf("the details are %q", got)
	}
	p.keys(kb.Escape)
	if p.visible("#inspector") {
		t.Error("Escape does not close the details")
	}
	if got := get[string](p, active); got != "attempt 1" {
		t.Errorf("after the details the focus is on %q", got)
	}
	p.keys(kb.Tab)
	if got := get[bool](p, "document.querySelector('.grid').contains(document.activeElement)"); got {
		t.Error("Tab does not leave the rows")
	}
	p.keys("/")
	if got := get[string](p, "document.activeElement.id"); got != "search" {
		t.Errorf("/ leads to %q, want the search", got)
	}
}

func TestZoom(t *testing.T) {
	p := open(t, nightlyPage(t), desktop)
	axis := func() string {
		t.Helper()
		return strings.Join(get[[]string](p, "[...document.querySelectorAll('.tick')].map((t) => t.textContent)"), " ")
	}
	whole := axis()
	if whole != "0 1s 2s 3s 4s 5s 6s" {
		t.Errorf("the time line is %q", whole)
	}
	p.do(chromedp.DoubleClick(chromedp.CSS(p.row("list_files", 0) + " .name")))
	if got := axis(); !strings.HasPrefix(got, "0 20ms") {
		t.Errorf("zoomed to an operation of 100ms the time line is %q", got)
	}
	p.keys(kb.Escape)
	p.do(chromedp.Click(chromedp.CSS("#all")))
	if got := axis(); got != whole {
		t.Errorf("the whole time is %q, want %q", got, whole)
	}
	p.do(chromedp.Click(chromedp.CSS("#in")), chromedp.Click(chromedp.CSS("#in")))
	if got := axis(); got == whole {
		t.Error("+ changes nothing")
	}
	p.do(chromedp.Focus(chromedp.CSS(p.row("nightly", 0))))
	p.keys("0")
	if got := axis(); got != whole {
		t.Errorf("the key 0 shows %q, want %q", got, whole)
	}
	// Dragging along the time line takes what is between.
	box := get[[]float64](p,
		"(() => { const b = document.getElementById('axis').getBoundingClientRect(); return [b.left, b.width, b.top + b.height / 2]; })()")
	p.do(chromedp.DragAndDropXY(box[0]+box[1]*0.5, box[2], box[0]+box[1]*0.75, box[2], 5))
	shares := get[[]float64](p, "[...document.querySelectorAll('.tick')].map((t) => parseFloat(t.textContent))")
	if len(shares) == 0 || shares[0] < 6.1*0.5-0.01 || shares[len(shares)-1] > 6.1*0.75+0.01 {
		t.Errorf("between 3.05s and 4.575s the time line says %v", shares)
	}
}

// On a phone the words beside a name give way first.
func TestNamesOnAPhone(t *testing.T) {
	log, err := os.ReadFile("testdata/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, pageOf(t, "trace.json", log), phone)
	cut := get[[]string](p,
		`[...document.querySelectorAll('.name')].filter((n) => n.scrollWidth > n.clientWidth).map((n) => n.textContent)`)
	if len(cut) > 0 {
		t.Errorf("names are cut: %q", cut)
	}
}

func TestPhone(t *testing.T) {
	p := open(t, nightlyPage(t), phone)
	if got := get[float64](p, "document.documentElement.scrollWidth"); got > 360 {
		t.Errorf("the page is %v pixels wide, the phone 360", got)
	}
	if !get[bool](p,
		`[...document.querySelectorAll('.row')].every((r) => r.querySelector('.chart').getBoundingClientRect().top >= r.querySelector('.name').getBoundingClientRect().bottom - 4)`) {
		t.Error("the chart is not below the name")
	}
	small := get[[]string](p,
		`[...document.querySelectorAll('button, input[type=search], .check')].filter((b) => b.checkVisibility() && !b.matches('.link') && b.getBoundingClientRect().height < 32).map((b) => b.textContent)`)
	if len(small) > 0 {
		t.Errorf("too small for a finger: %q", small)
	}
	p.run("document.querySelector('.grid').scrollIntoView()")
	p.do(chromedp.Tap(chromedp.CSS(p.row("attempt 2", 0) + " .name")))
	p.wait("!document.getElementById('inspector').hidden")
	if got := p.text("#inspector"); !strings.Contains(got, "connection reset by peer") {
		t.Errorf("the details are %q", got)
	}
	box := get[[]float64](p,
		"(() => { const b = document.getElementById('inspector').getBoundingClientRect(); return [b.left, b.right, b.bottom]; })()")
	if box[0] != 0 || box[1] != 360 || math.Abs(box[2]-740) > 1 {
		t.Errorf("the details are at %v, want them at the bottom", box)
	}
}
