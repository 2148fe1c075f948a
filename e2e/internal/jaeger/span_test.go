package jaeger

import (
	"fmt"
	"strings"
	"testing"
)

// A trace with missing spans is an error: a tree without them would hide that they were lost.
func TestParseRefusesIncompleteTraces(t *testing.T) {
	span := func(id, parent string) string {
		return fmt.Sprintf(
			`{"spanId": %q, "parentSpanId": %q, "name": "n%s", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}`,
			id, parent, id)
	}
	for _, c := range []struct{ name, spans, complaint string }{
		{"a parent is missing", span("1", "") + "," + span("2", "3"), "parent 3"},
		{"two roots", span("1", "") + "," + span("2", ""), "two roots"},
		{"a span is there twice", span("1", "") + "," + span("2", "1") + "," + span("2", "1"), "twice"},
		{"a circle", span("1", "2") + "," + span("2", "1"), "no root"},
		{"nothing", "", "no root"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, err := parse([]byte(`{"resourceSpans": [{"scopeSpans": [{"spans": [` + c.spans + `]}]}]}`))
			if err == nil || !strings.Contains(err.Error(), c.complaint) {
				t.Errorf("parse = %v, %v; want an error about %q", root, err, c.complaint)
			}
		})
	}
}
