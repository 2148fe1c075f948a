package drawn

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/internal/semconv"
)

var epoch = time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC)

// span is a span of one trace; parent 0 is none. Times are in milliseconds.
func span(number, parent int, kind, name string, from, to int, attributes ...attribute.KeyValue) session.Span {
	return session.Span{
		Kind: kind, Name: name, TraceID: idOf[trace.TraceID](1), SpanID: numbered(number), ParentID: numbered(parent),
		Start: epoch.Add(ms(from)), End: epoch.Add(ms(to)),
		Attributes: append(attributes, semconv.KindKey.String(kind)),
	}
}

func numbered(n int) trace.SpanID { return trace.SpanID{6: byte(n >> 8), 7: byte(n)} }

// random makes the spans of a session as they may come: nested operations, phases, waits, failures, lost spans.
func random(r *rand.Rand) []session.Span {
	var spans []session.Span
	var operation func(parent, from, depth int) int
	operation = func(parent, from, depth int) int {
		me := len(spans) + 1
		spans = append(spans, span(me, parent, semconv.KindOperation, []string{"a", "b", "c"}[r.IntN(3)], from, from))
		now := from
		made := 1 + r.IntN(3)
		failed := r.IntN(3) == 0
		for i := range made {
			number := len(spans) + 1
			s := span(number, me, semconv.KindAttempt, semconv.AttemptName(i+1), now, now, semconv.AttemptKey.Int(i+1))
			spans = append(spans, s)
			now += r.IntN(20)
			for range r.IntN(3) {
				if depth < 3 {
					begun := now - r.IntN(1+now-from)
					begun = max(begun, int(s.Start.Sub(epoch)/time.Millisecond))
					now = max(now, operation(number, begun, depth+1))
				}
			}
			now += r.IntN(5)
			attempt := &spans[number-1]
			attempt.End = epoch.Add(ms(now))
			result := semconv.ResultSuccess
			wait := r.IntN(30)
			switch {
			case i < made-1:
				attempt.Status, result = codes.Error, semconv.ResultRetrying
				attempt.Attributes = append(attempt.Attributes, semconv.NextDelayKey.Float64(float64(wait)/1000))
				now += wait + r.IntN(3) // a moment passes between a try and the next
			case failed:
				attempt.Status, result = codes.Error, semconv.ResultFailed
			}
			attempt.Attributes = append(attempt.Attributes, semconv.ResultKey.String(result))
		}
		outcome := semconv.OutcomeSuccess
		switch {
		case failed:
			spans[me-1].Status, outcome = codes.Error, semconv.OutcomeExhausted
		case made > 1:
			outcome = semconv.OutcomeRecovered
		}
		spans[me-1].End = epoch.Add(ms(now))
		spans[me-1].Attributes = append(spans[me-1].Attributes, semconv.AttemptsKey.Int(made),
			semconv.OutcomeKey.String(outcome))
		return now
	}
	for range 1 + r.IntN(4) {
		operation(0, r.IntN(50), 0)
	}
	return spans
}

// timeLine is how long a session took, and where the time went.
var timeLine = regexp.MustCompile(`(?m)^time +(\S+)  (.*)$`)

// One session is one story: the terminal, the page, its table and the picture in it draw the same trees with the same
// words, and account for the time with the same words and numbers.
func TestOneStory(t *testing.T) {
	sessions := map[string][]session.Span{}
	for scenario := range scenarios {
		sessions[scenario] = record(t, scenario)
	}
	delete(sessions, "hostile") // the page keeps lines apart, the terminal does not
	for seed := range uint64(200) {
		sessions[fmt.Sprint("random ", seed)] = random(rand.New(rand.NewPCG(seed, 0)))
	}
	for name, spans := range sessions {
		s := session.New(spans)
		page, picture := pageOf(t, s), render(t, spans, waterfall.Options{Width: 110, MaxRows: waterfall.NoFold})
		if got := render(t, spans, waterfall.Options{Width: 110}); got != textOf(page) {
			t.Errorf("%s: the text in the page is\n%s\nwant that of the terminal\n%s", name, textOf(page), got)
		}
		story := timeLine.FindStringSubmatch(picture)
		if story == nil {
			t.Fatalf("%s: there is no time in\n%s", name, picture)
		}
		var legend []string
		table := map[string]string{"working": "0s", "lost": "0s", "waiting": "0s"}
		for _, m := range pageTime.FindAllStringSubmatch(page, -1) {
			legend = append(legend, m[1]+" "+m[2])
			table[m[1]] = m[2]
		}
		if got := strings.Join(legend, " · "); got != story[2] {
			t.Errorf("%s: the page accounts for the time as %q, the terminal as %q", name, got, story[2])
		}
		if total := pageCell.FindAllStringSubmatch(pageTotal.FindString(page), -1); total != nil {
			got := []string{total[6][1], total[7][1], total[8][1]}
			if want := []string{table["working"], table["lost"], table["waiting"]}; !slices.Equal(got, want) {
				t.Errorf("%s: the table says %v, want %v", name, got, want)
			}
		}
		sameRows(t, name, rowsOf(t, page), picture)
	}
}

var rowStart = regexp.MustCompile(`^((?:[│├└ ] )*)[✓✗⊘…-] (.*)$`)

// sameRows compares the rows of the page with those of the picture: level, name and words.
func sameRows(t *testing.T, name string, rows []row, picture string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(picture) {
		if line == "\n" {
			break
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	lines = lines[1:] // the header
	if len(lines) != len(rows) {
		t.Errorf("%s: %d rows in the page, %d in the terminal", name, len(rows), len(lines))
		return
	}
	levels := make([]int, len(rows))
	for i, r := range rows {
		if r.Parent >= 0 {
			levels[i] = levels[r.Parent] + 1
		}
		m := rowStart.FindStringSubmatch(lines[i])
		want := r.Name
		if r.Said != "" {
			want += "  " + r.Said
		}
		if m == nil || len([]rune(m[1]))/2 != levels[i] || !strings.HasPrefix(m[2], want) {
			t.Errorf("%s: row %d is %q on level %d in the page, in the terminal %q", name, i, want, levels[i], lines[i])
		}
	}
}
