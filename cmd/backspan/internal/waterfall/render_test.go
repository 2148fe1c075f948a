package waterfall

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/backspan/backspan/internal/semconv"
)

func render(t testing.TB, spans []Span, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, spans, o); err != nil {
		t.Fatalf("Render: %v", err)
	}
	return b.String()
}

func TestRenderGolden(t *testing.T) {
	for _, c := range []struct {
		scenario, name string
		options        Options
	}{
		{"healthy", "healthy-80", Options{}},
		{"flaky", "flaky-100", Options{Width: 100}},
		{"flaky", "flaky-80", Options{Width: 80}},
		{"flaky", "flaky-60", Options{Width: 60}},
		{"flaky", "flaky-40", Options{Width: 40}},
		{"flaky", "flaky-30", Options{Width: 30}},
		{"flaky", "flaky-100-color", Options{Width: 100, Color: true}},
		{"flaky", "flaky-80-ascii", Options{ASCII: true}},
		{"flaky", "flaky-80-12rows", Options{MaxRows: 12}},
		{"outage", "outage-100", Options{Width: 100}},
		{"permanent", "permanent-100", Options{Width: 100}},
		{"cancelled", "cancelled-100", Options{Width: 100}},
		{"nested", "nested-80", Options{}},
		{"long", "long-80", Options{}},
		{"fallback", "fallback-80", Options{}},
		{"hostile", "hostile-80", Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			golden(t, c.name+".txt", []byte(render(t, record(t, c.scenario), c.options)))
		})
	}
}

func TestRenderNothing(t *testing.T) {
	if got, want := render(t, nil, Options{}), "no spans\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

var errFull = errors.New("no space left on device")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestRenderReturnsTheWritersError(t *testing.T) {
	if err := Render(fullWriter{}, record(t, "healthy"), Options{}); !errors.Is(err, errFull) {
		t.Errorf("Render returned %v, want %v", err, errFull)
	}
}

var colors = regexp.MustCompile("\x1b\\[[0-9]+m")

// Everywhere, whatever the spans hold: no line is too wide, nothing commands the terminal, and colours change nothing.
func TestRenderFitsAndIsHarmless(t *testing.T) {
	for scenario := range scenarios {
		spans := record(t, scenario)
		for width := MinWidth; width <= 200; width += 1 + width/12 {
			for _, ascii := range []bool{false, true} {
				name := fmt.Sprintf("%s, %d columns, ASCII %v", scenario, width, ascii)
				text := render(t, spans, Options{Width: width, ASCII: ascii})
				colored := render(t, spans, Options{Width: width, ASCII: ascii, Color: true})
				if got := trimLines(colors.ReplaceAllString(colored, "")); got != text {
					t.Fatalf("%s: with colours the text is\n%s\nwithout\n%s", name, got, text)
				}
				checkHarmless(t, name, text, width, ascii)
			}
		}
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func checkHarmless(t *testing.T, name, text string, columns int, ascii bool) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Fatalf("%s: invalid UTF-8 in %q", name, text)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if w := runewidth.StringWidth(line); w > columns {
			t.Fatalf("%s: a line of %d columns: %q", name, w, line)
		}
		for _, r := range line {
			switch {
			case ascii && r > unicode.MaxASCII,
				unicode.IsControl(r),
				unicode.Is(unicode.Cf, r) && r != leftToRightMark,
				unicode.Is(unicode.Co, r):
				t.Fatalf("%s: %U reaches the terminal in %q", name, r, line)
			}
		}
	}
}

// Below the smallest width it is drawn for that.
// However short the names are, the lines of the tree stay.
func TestRenderShortNames(t *testing.T) {
	text := render(t, []Span{as(semconv.KindRun, span(1, 0, 0, 9)), as(semconv.KindPhase, span(2, 1, 0, 9)), span(3, 2, 0, 9)}, Options{})
	for _, want := range []string{"\n✓ 1 ", "\n└ ✓ 2 ", "\n  └ ✓ 3 "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestRenderBelowMinWidth(t *testing.T) {
	spans := record(t, "flaky")
	if got, want := render(t, spans, Options{Width: 3}), render(t, spans, Options{Width: MinWidth}); got != want {
		t.Errorf("at 3 columns\n%s\nwant that of %d\n%s", got, MinWidth, want)
	}
}

// COLUMNS may hold any number, and a picture of a hundred million columns takes for ever.
func TestRenderAboveAnyTerminal(t *testing.T) {
	spans := record(t, "flaky")
	if got, want := render(t, spans, Options{Width: 1 << 40}), render(t, spans, Options{Width: maxWidth}); got != want {
		t.Errorf("at 2^40 columns it is not the picture of %d", maxWidth)
	}
}

func TestRenderFolds(t *testing.T) {
	for scenario := range scenarios {
		spans := record(t, scenario)
		for _, limit := range []int{1, 3, 5, 8, 13, 30, 60} {
			text := render(t, spans, Options{Width: 120, MaxRows: limit})
			rows := strings.Count(text[:strings.Index(text, "\n\n")+1], "\n") - 1 // less the header
			roots := len(forest(spans))
			if rows > max(limit, roots) {
				t.Errorf("%s: %d rows with MaxRows %d:\n%s", scenario, rows, limit, text)
			}
		}
	}
}

func TestRenderNoFold(t *testing.T) {
	text := render(t, record(t, "long"), Options{Width: 120, MaxRows: NoFold})
	for _, want := range []string{"attempt 1 ", "attempt 25 ", "attempt 41 ", "attempt 42 "} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is there %d times, want once, in\n%s", want, strings.Count(text, want), text)
		}
	}
	if strings.Contains(text, "more") {
		t.Errorf("something is folded in\n%s", text)
	}
}

var foldedOperations = regexp.MustCompile(`… (\d+) more operations?`)

// What is folded is counted, also when what was folded is folded again: shown and folded are all there are.
func TestRenderFoldsSayHowMany(t *testing.T) {
	for limit := 5; limit <= 60; limit++ {
		text := render(t, record(t, "long"), Options{Width: 120, MaxRows: limit})
		shown, folded := strings.Count(text, "✓ page"), 0
		for _, m := range foldedOperations.FindAllStringSubmatch(text, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			folded += n
		}
		if shown+folded != 40 || folded == 0 {
			t.Errorf("with MaxRows %d, %d operations are shown and %d folded, want 40 in all, in\n%s", limit, shown, folded, text)
		}
		// The one that was retried is never among them.
		if !strings.Contains(text, "page  recovered, 42 attempts") {
			t.Errorf("with MaxRows %d the only trouble is not shown:\n%s", limit, text)
		}
	}
}

func TestRenderSaysWhatIsBelow(t *testing.T) {
	text := render(t, record(t, "healthy"), Options{Width: 120, MaxRows: 4})
	want := "✓ data_preparation  3 rows folded"
	if !strings.Contains(text, want) {
		t.Errorf("%q is missing in\n%s", want, text)
	}
}
