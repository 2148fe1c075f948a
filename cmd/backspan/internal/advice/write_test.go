package advice_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/advice"
	"github.com/backspan/backspan/cmd/backspan/internal/history"
)

// poison is a history of ten hours in which one in some requests can never succeed, and the others recover at once.
func poison() *history.History {
	h := &past{From: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)}
	h.To = h.From.Add(10 * time.Hour)
	for i := range 600 {
		h.add("import\x1b[2J", "*errors.errorString", i)
		h.add("load", "503", i)
	}
	return (*history.History)(h)
}

type past history.History

// add adds minute i of an operation.
func (h *past) add(name, kind string, i int) {
	at := h.From.Add(time.Duration(i) * time.Minute)
	h.Tallies = append(h.Tallies, &history.Tally{
		Name: name, Begin: at, End: at.Add(time.Minute), Successes: 100,
		Durations: []history.Count{{Length: 6, N: 100}},
	})
	o := &history.Operation{
		Name: name, Begun: true, MaxRetries: 3, Outcome: "exhausted", Trace: fmt.Sprintf("%032x", i), Start: at,
	}
	for n := range 4 {
		o.Attempts = append(o.Attempts, history.Attempt{
			Number: n + 1, Begin: time.Duration(n) * 3 * time.Second, Took: time.Second, Wait: 2 * time.Second,
			NextWait: 2 * time.Second,
			Failed:   true, ErrorType: kind, Error: fmt.Sprintf("row %d of the batch is older than its parent", 1000+i),
		})
	}
	o.Attempts[0].Wait = 0
	if i%3 > 0 {
		o.Attempts = o.Attempts[:2]
		last := o.Last()
		last.Failed, last.Error, last.ErrorType, o.Outcome = false, "", "", "recovered"
		o.Attempts[0].Error = "no answer"
	}
	o.Last().NextWait = -1
	o.Took = o.Last().End()
	h.Operations = append(h.Operations, o)
}

func TestAdviceForPeople(t *testing.T) {
	const golden = "testdata/advice.txt"
	h := poison()
	a := advice.Look(h)
	a.Replay(h)
	var b bytes.Buffer
	if err := a.Write(&b, advice.Style{Zone: time.UTC, Width: 80}); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > 81 {
			t.Errorf("%q is wider than 80 columns", line)
		}
	}
	if plain := b.String(); strings.Contains(plain, "\x1b") {
		t.Errorf("%q: that commands a terminal", plain)
	}
	b.Reset()
	if err := a.Write(&b, advice.Style{Zone: time.UTC, Width: 40, Color: true, ASCII: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[1mimport") ||
		strings.ContainsFunc(b.String(), func(r rune) bool { return r > '~' }) {
		t.Errorf("%q, want colour and nothing beyond ASCII", b.String())
	}
}
