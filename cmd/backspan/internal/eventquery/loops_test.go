package eventquery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/events"
)

// What a policy allows is unknown where the log does not say it, and for all that is called from there.
func TestLoopsDoNotInventWhatPoliciesAllow(t *testing.T) {
	c := eventquery.NewCallCounter()
	var text []byte
	add := func(operation, parent string, depth int64, more ...events.Field) {
		r := events.Record{
			Time: time.Unix(1_800_000_000, 0), Session: "s", Type: events.TypeAttempt,
			Details: append([]events.Field{
				events.Int(events.KeyAttemptNumber, 1), events.String(events.KeyResult, "failed"),
				events.String(events.KeyOperation, operation), events.Int(events.KeyDepth, depth),
			}, more...),
		}
		if parent != "" {
			r.Details = append(r.Details, events.String(events.KeyParentOperation, parent))
		}
		text = r.Append(text)
	}
	three, endless := events.Int(events.KeyMaxRetries, 3), events.Int(events.KeyMaxRetries, -1)
	add("said", "", 0, three)
	add("within", "said", 1, three)
	add("without limit", "", 0, endless)
	add("not said", "", 0)
	add("within what is not said", "not said", 1, three)
	lines(t, text, follow(c))
	loops := c.Loops()
	want := map[string]int64{"said": 4, "within": 16, "without limit": 0, "not said": -1, "within what is not said": -1}
	for _, l := range loops.Loops {
		if l.Most != want[l.Name] {
			t.Errorf("%s: at most %d, want %d", l.Name, l.Most, want[l.Name])
		}
		delete(want, l.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	var shown strings.Builder
	if err := loops.Write(&shown, eventquery.Style{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(shown.String()) {
		if name, unknown := strings.HasPrefix(line, "not said "), strings.Contains(line, "  ?  "); name && !unknown {
			t.Errorf("%s", line)
		}
	}
}

// Names are told apart as they are, however they are spelled, and whatever is in them.
func TestLoopsOfStrangeNames(t *testing.T) {
	c := eventquery.NewCallCounter()
	long := strings.Repeat("é", 400)
	var text []byte
	for _, name := range []string{"a\x00b", "a", `q"\`, long, "plain"} {
		r := events.Record{
			Time: time.Unix(1_800_000_000, 0), Session: "s", Type: events.TypeAttempt,
			Details: []events.Field{
				events.Int(events.KeyAttemptNumber, 1), events.String(events.KeyResult, "failed"),
				events.String(events.KeyOperation, name), events.String(events.KeyParentOperation, name+"\x00"),
			},
		}
		text = r.Append(text)
	}
	text = append(text, strings.ReplaceAll(string(text), `"plain"`, `"pl\u0061in"`)...)
	lines(t, text, follow(c))
	got := c.Loops().Loops
	if len(got) != 5 {
		t.Errorf("%d loops, want 5: %+v", len(got), got)
	}
	for _, l := range got {
		if l.WastedCalls != 2 || l.Name != long && l.Parent != l.Name+"\x00" && len(l.Name) < 300 {
			t.Errorf("%+v, want each twice, in the loop around it", l)
		}
	}
}
