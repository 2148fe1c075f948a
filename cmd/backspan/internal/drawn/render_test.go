package drawn

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/backspan/backspan/internal/semconv"

	"github.com/backspan/backspan/cmd/backspan/internal/session"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"

	"go.opentelemetry.io/otel/trace"
)

func render(t testing.TB, spans []session.Span, o waterfall.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := waterfall.Render(&b, session.New(spans), o); err != nil {
		t.Fatalf("Render: %v", err)
	}
	return b.String()
}

func TestRenderGolden(t *testing.T) {
	for _, c := range []struct {
		scenario, name string
		options        waterfall.Options
	}{
		{"healthy", "healthy-80", waterfall.Options{}},
		{"flaky", "flaky-100", waterfall.Options{Width: 100}},
		{"flaky", "flaky-80", waterfall.Options{Width: 80}},
		{"flaky", "flaky-60", waterfall.Options{Width: 60}},
		{"flaky", "flaky-40", waterfall.Options{Width: 40}},
		{"flaky", "flaky-30", waterfall.Options{Width: 30}},
		{"flaky", "flaky-100-color", waterfall.Options{Width: 100, Color: true}},
		{"flaky", "flaky-80-ascii", waterfall.Options{ASCII: true}},
		{"flaky", "flaky-80-12rows", waterfall.Options{MaxRows: 12}},
		{"outage", "outage-100", waterfall.Options{Width: 100}},
		{"permanent", "permanent-100", waterfall.Options{Width: 100}},
		{"cancelled", "cancelled-100", waterfall.Options{Width: 100}},
		{"nested", "nested-80", waterfall.Options{}},
		{"long", "long-80", waterfall.Options{}},
		{"fallback", "fallback-80", waterfall.Options{}},
		{"hostile", "hostile-80", waterfall.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			golden(t, c.name+".txt", []byte(render(t, record(t, c.scenario), c.options)))
		})
	}
}

func TestRenderNothing(t *testing.T) {
	if got, want := render(t, nil, waterfall.Options{}), "no spans\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

var errFull = errors.New("no space left on device")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestRenderReturnsTheWritersError(t *testing.T) {
	err := waterfall.Render(fullWriter{}, session.New(record(t, "healthy")), waterfall.Options{})
	if !errors.Is(err, errFull) {
		t.Errorf("Render returned %v, want %v", err, errFull)
	}
}

var colors = regexp.MustCompile("\x1b\\[[0-9]+m")

// Everywhere, whatever the spans hold: no line is too wide, nothing commands the terminal, and colours change nothing.
func TestRenderFitsAndIsHarmless(t *testing.T) {
	for scenario := range scenarios {
		spans := record(t, scenario)
		for width := waterfall.MinWidth; width <= 200; width += 1 + width/12 {
			for _, ascii := range []bool{false, true} {
				name := fmt.Sprintf("%s, %d columns, ASCII %v", scenario, width, ascii)
				text := render(t, spans, waterfall.Options{Width: width, ASCII: ascii})
				colored := render(t, spans, waterfall.Options{Width: width, ASCII: ascii, Color: true})
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
				unicode.Is(unicode.Cf, r) && r != '\u200e',
				unicode.Is(unicode.Co, r):
				t.Fatalf("%s: %U reaches the terminal in %q", name, r, line)
			}
		}
	}
}

// However short the names are, the lines of the tree stay.
func TestRenderShortNames(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	var shortNames []session.Span
	for i, kind := range []string{semconv.KindRun, semconv.KindPhase, semconv.KindOperation} {
		n := byte(i + 1)
		shortNames = append(shortNames, session.Span{
			Kind: kind, Name: strconv.Itoa(i + 1), TraceID: trace.TraceID{1}, SpanID: trace.SpanID{n},
			ParentID: trace.SpanID{n - 1},
			Start:    at, End: at.Add(ms(9)),
		})
	}
	text := render(t, shortNames, waterfall.Options{})
	for _, want := range []string{"\n✓ 1 ", "\n└ ✓ 2 ", "\n  └ ✓ 3 "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// Below the smallest width it is drawn for that.
func TestRenderBelowMinWidth(t *testing.T) {
	spans := record(t, "flaky")
	got, want := render(t, spans, waterfall.Options{Width: 3}), render(t, spans,
		waterfall.Options{Width: waterfall.MinWidth})
	if got != want {
		t.Errorf("at 3 columns\n%s\nwant that of %d\n%s", got, waterfall.MinWidth, want)
	}
}

// COLUMNS may hold any number, and a picture of a hundred million columns takes for ever.
func TestRenderAboveAnyTerminal(t *testing.T) {
	spans := record(t, "flaky")
	got, want := render(t, spans, waterfall.Options{Width: 1 << 40}), render(t, spans, waterfall.Options{Width: 1000})
	if got != want {
		t.Errorf("at 2^40 columns it is not the picture of %d", 1000)
	}
}

func TestRenderFolds(t *testing.T) {
	for scenario := range scenarios {
		spans := record(t, scenario)
		for _, limit := range []int{1, 3, 5, 8, 13, 30, 60} {
			text := render(t, spans, waterfall.Options{Width: 120, MaxRows: limit})
			rows := strings.Count(text[:strings.Index(text, "\n\n")+1], "\n") - 1 // less the header
			roots := len(session.New(spans).Roots)
			if rows > max(limit, roots) {
				t.Errorf("%s: %d rows with MaxRows %d:\n%s", scenario, rows, limit, text)
			}
		}
	}
}

// Of what went well the slowest says most.
func TestRenderFoldsKeepTheSlowest(t *testing.T) {
	text := render(t, record(t, "phases"), waterfall.Options{})
	for i := range 20 {
		name := fmt.Sprintf("phase_%02d ", i)
		if shown, want := strings.Contains(text, name), i == 4 || i == 11 || i == 15 || i == 19; shown != want {
			t.Errorf("%s is shown: %t, want %t, in\n%s", name, shown, want, text)
		}
	}
}

func TestRenderNoFold(t *testing.T) {
	text := render(t, record(t, "long"), waterfall.Options{Width: 120, MaxRows: waterfall.NoFold})
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
		text := render(t, record(t, "long"), waterfall.Options{Width: 120, MaxRows: limit})
		shown, folded := strings.Count(text, "✓ page"), 0
		for _, m := range foldedOperations.FindAllStringSubmatch(text, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			folded += n
		}
		if shown+folded != 40 || folded == 0 {
			t.Errorf("with MaxRows %d, %d operations are shown and %d folded, want 40 in all, in\n%s",
				limit, shown, folded, text)
		}
		// The one that was retried is never among them.
		if !strings.Contains(text, "page  recovered, 42 attempts") {
			t.Errorf("with MaxRows %d the only trouble is not shown:\n%s", limit, text)
		}
	}
}

func TestRenderSaysWhatIsBelow(t *testing.T) {
	text := render(t, record(t, "healthy"), waterfall.Options{Width: 120, MaxRows: 4})
	want := "✓ data_preparation  3 rows folded"
	if !strings.Contains(text, want) {
		t.Errorf("%q is missing in\n%s", want, text)
	}
}
