package session

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// What our own trace files hold is read the quick way, anything else is left to the other, and both come to the same.
func TestQuickAttributes(t *testing.T) {
	for in, quick := range map[string]bool{
		`{"key":"a","value":{"stringValue":"b"}}`:              true,
		`{"key":"a","value":{"stringValue":"grün"}}`:           true,
		`{"key":"a","value":{"stringValue":""}}`:               true,
		`{"key":"a","value":{"intValue":"-12"}}`:               true,
		`{"key":"a","value":{"boolValue":true}}`:               true,
		`{"key":"a","value":{"boolValue":false}}`:              true,
		`{"key":"a","value":{"stringValue":"b\n"}}`:            false,
		`{"key":"a\u0062","value":{"stringValue":"b"}}`:        false,
		`{"key":"a","value":{"stringValue":"` + "\xff" + `"}}`: false,
		`{"key":"a","value":{"intValue":"12.5"}}`:              false,
		`{"key":"a","value":{"intValue":12}}`:                  false,
		`{"key":"a","value":{"doubleValue":1.5}}`:              false,
		`{"key":"a","value":{"boolValue":"true"}}`:             false,
		`{"key":"a","value":{"boolValue":null}}`:               false,
		`{"key":"a","value":{"stringValue":"b","x":1}}`:        false,
		`{"key":"a","value":{"stringValue":"b"},"x":1}`:        false,
		`{"key": "a","value":{"stringValue":"b"}}`:             false,
		`{"value":{"stringValue":"b"},"key":"a"}`:              false,
		`{"key":"a"}`: false,
	} {
		general := newDecoder()
		general.in = jsonReader{data: []byte(in + ",")}
		want := general.attribute()
		d := newDecoder()
		d.in = jsonReader{data: []byte(in + ",")}
		got, ok := d.quickAttribute()
		if ok != quick {
			t.Errorf("%s: read the quick way: %v, want %v", in, ok, quick)
		}
		if ok && (got != want || d.in.at != len(in)) || !ok && d.in.at != 0 {
			t.Errorf("%s: %v up to byte %d, want %v", in, got, d.in.at, want)
		}
	}
}

// What our own spans begin with is read the quick way, anything else is left to the other, and both come to the same.
func TestQuickHeads(t *testing.T) {
	const (
		ids    = `"traceId":"00000000000000000000000000000001","spanId":"0000000000000002"`
		parent = `,"parentSpanId":"0000000000000003"`
		middle = `,"flags":257,"name":"a","kind":1`
		times  = `,"startTimeUnixNano":"1795456407892844704","endTimeUnixNano":"1795456407893715884"`
		rest   = `,"attributes":[]`
	)
	for in, quick := range map[string]bool{
		ids + parent + middle + times + rest:                                                    true,
		ids + middle + times + rest:                                                             true,
		ids + middle + times:                                                                    true,
		ids + middle + times + `,"name":"b"`:                                                    true,
		ids + middle + times + " , " + rest[1:]:                                                 true,
		" " + ids + middle + times:                                                              false,
		ids + middle + rest + times:                                                             false,
		ids + middle + rest:                                                                     false,
		ids + parent + `,"flags":257,"name":"\u0061","kind":1` + times:                          false,
		ids + parent + `,"flags":257,"name":"` + "\xff" + `","kind":1` + times:                  false,
		ids + parent + `,"flags":257,"name":"a","kind":"SPAN_KIND_CLIENT"` + times:              false,
		ids + parent + `,"flags":,"name":"a","kind":1` + times:                                  false,
		ids + parent + `,"name":"a","kind":1` + times:                                           false,
		ids + middle + strings.Replace(times, `"1795456407892844704"`, `1`, 1):                  false,
		ids + middle + strings.Replace(times, `1795456407892844704`, `soon`, 1):                 false,
		ids + middle + strings.Replace(times, `1795456407893715884`, ``, 1):                     false,
		ids + middle + strings.Replace(times, `1795456407893715884`, `18446744073709551615`, 1): true,
		strings.Replace(ids, "01", "x1", 1) + middle + times + rest:                             true, // no id
		"": false,
	} {
		d, general := newDecoder(), newDecoder()
		line := spansBegin + "{" + in + "}" + spansEnd
		var head Span
		d.in = jsonReader{data: []byte(in)}
		d.quickHead(&head)
		if got := d.in.at > 0; got != quick || got == reflect.DeepEqual(head, Span{}) {
			t.Errorf("%s: read the quick way: %v, %+v; want %v", in, got, head, quick)
		}
		// White space is what only the other way reads.
		whole, want := d.line([]byte(line)), general.line([]byte(strings.Replace(line, `"spans":[{`, `"spans":[{ `, 1)))
		if whole != want || !reflect.DeepEqual(d.spans.items, general.spans.items) || d.left != general.left {
			t.Errorf("%s: %v, %+v, want %v, %+v", in, whole, d.spans.items, want, general.spans.items)
		}
		if d.in.want != general.in.want {
			t.Errorf("%s: %v, want %v", in, d.in.err(), general.in.err())
		}
	}
}

// To read a span that says nothing new takes no piece of memory of its own.
func TestASpanTakesNoPieceOfMemory(t *testing.T) {
	const n = 1000
	var lines [][]byte
	for i := range n {
		lines = append(lines, fmt.Appendf(nil,
			spansBegin+`{"traceId":"%032x","spanId":"%016x","parentSpanId":"%016x","flags":257,`+
				`"name":"attempt 1","kind":1,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[`+
				`{"key":"backspan.kind","value":{"stringValue":"attempt"}},{"key":"retry.delay_seconds","value":{"doubleValue":0.25}}],`+
				`"status":{"message":"refused","code":2}}`+spansEnd, 1, i+1, i, 1_795_456_407_892_844_704+i,
			1_795_456_407_892_844_704+2*i))
	}
	pieces := testing.AllocsPerRun(10, func() {
		d := newDecoder()
		for _, line := range lines {
			if !d.line(line) {
				t.Fatal(d.in.err())
			}
		}
	})
	if most := n / 10.0; pieces > most {
		t.Errorf("%d spans take %v pieces of memory, want %v at most", n, pieces, most)
	}
}

// A resource that is the same as in the line before is not looked at again, and one that only begins so is.
func TestTheSameResourceIsReadOnce(t *testing.T) {
	d := newDecoder()
	with := func(resource string) bool {
		return d.line([]byte(`{"resourceSpans":[{"resource":` + resource + `,"scopeSpans":[{"spans":[` + oneOf +
			"}]}]}]}"))
	}
	for _, c := range []struct {
		resource string
		whole    bool
	}{
		{`{"a":[1]}`, true},
		{`{"a":[1]}`, true},
		{`{"a":[1]}}`, false},
		{`{"a":[1]} 2`, false},
		{`{"a":[2]}`, true},
		{`{"a":[`, false},
		{`12`, true},
		{`123`, true},
		{`{"a":[1]}`, true},
	} {
		if whole := with(c.resource); whole != c.whole {
			t.Errorf("%s: the line is whole: %v, want %v", c.resource, whole, c.whole)
		}
	}
	if len(d.spans.items) != 6 {
		t.Errorf("%d spans, want 6", len(d.spans.items))
	}
	known := string(d.again["resource"])
	d.again["resource"] = []byte(`{nothing`) // which nobody could read
	if !with(`{nothing`) || known != `{"a":[1]}` {
		t.Errorf("what is the same as before, %s, was read again", known)
	}
	for i := range 2 * maxAgainKeys {
		d.line([]byte(fmt.Sprintf(`{"resourceSpans":[{"x%d":{}}]}`, i)))
	}
	if d.line([]byte(`{"resourceSpans":[{"resource":{"a":"` + strings.Repeat("x", maxAgain) + `"}}]}`)); len(d.again) >
		maxAgainKeys {
		t.Errorf("%d objects are remembered", len(d.again))
	}
	for key, object := range d.again {
		if len(object) > maxAgain {
			t.Errorf("%d bytes of a %s are remembered", len(object), key)
		}
	}
}

// A list of attributes that is spelled as one before is that one, and whatever only begins so is read.
func TestTheSameAttributesAreReadOnce(t *testing.T) {
	const a, b = `{"key":"a","value":{"stringValue":"x"}}`, `{"key":"b","value":{"stringValue":"]"}}`
	d := newDecoder()
	with := func(list string) []attribute.KeyValue {
		t.Helper()
		if !d.line([]byte(spansBegin + oneOf + `,"attributes":` + list + "}" + spansEnd)) {
			t.Fatalf("%s: %v", list, d.in.err())
		}
		return d.spans.items[len(d.spans.items)-1].Attributes
	}
	for i, c := range []struct {
		list  string
		count int // of attributes
		known int // lists, afterwards
	}{
		{"[" + a + "]", 1, 1},
		{"[" + a + "]", 1, 1},
		{"[ " + a + "]", 1, 2},
		{" [" + a + "," + a + "]", 2, 3},
		{"[" + b + "]", 1, 3}, // the first bracket is not its end
		{"[]", 0, 4},
		{"null", 0, 4},
		{`[` + a + `,{"key":"` + strings.Repeat("x", maxListText) + `"}]`, 2, 4},
		{"[" + strings.Repeat("{},", maxListLength) + "{}]", maxListLength + 1, 4},
		// one is left out, which is to be counted again
		{"[" + strings.Repeat("{},", maxDetails) + "{}]", maxDetails, 4},
	} {
		if got := with(c.list); len(got) != c.count || cap(got) != c.count || len(d.lists) != c.known {
			t.Errorf("%d, %.80s: %d attributes, room for %d, %d lists are known; want %d and %d",
				i, c.list, len(got), cap(got), len(d.lists), c.count, c.known)
		}
	}
	if first, again := with("["+a+"]"), with("["+a+"]"); &first[0] != &again[0] {
		t.Error("the same list was read again")
	}
	if d.line([]byte(spansBegin + oneOf + `,"attributes":[` + a + `]]}` + spansEnd)) {
		t.Error("what follows a list that is known is not read")
	}
	for i := range 2 * maxLists {
		with(fmt.Sprintf(`[{"key":"%d"}]`, i))
	}
	if len(d.lists) > maxLists {
		t.Errorf("%d lists are remembered, want %d at most", len(d.lists), maxLists)
	}
}

// The list of a trace file says of each session what the session itself says, and keeps of a span only what that needs.
func TestAListDecodesOnlyWhatItTells(t *testing.T) {
	value := func(v any) string {
		kind := map[reflect.Kind]string{
			reflect.String: "stringValue", reflect.Bool: "boolValue", reflect.Int: "intValue",
		}[reflect.TypeOf(v).Kind()]
		text, _ := json.Marshal(v) // of these it never fails
		return fmt.Sprintf(`{"%s":%s}`, kind, text)
	}
	span := func(number, parent int, name string, end int, code int, attributes map[string]any) string {
		list := []string{
			`{"key":"session.id","value":{"stringValue":"s"}}`, `{"key":"other","value":{"stringValue":"x"}}`,
		}
		for key, v := range attributes {
			list = append(list, fmt.Sprintf(`{"key":%q,"value":%s}`, key, value(v)))
		}
		return fmt.Sprintf(
			`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","parentSpanId":"%016x",`+
				`"name":%q,"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d000000000","attributes":[%s],"status":{"code":%d},`+
				`"events":[{"name":"retry.scheduled","timeUnixNano":"1"}]}]}]}]}`+"\n",
			1, number, parent, name, 1_800_000_000, 1_800_000_000+end, strings.Join(list, ","), code)
	}
	type facts = map[string]any
	for name, c := range map[string]struct {
		lines   []string
		outcome Outcome
		what    string
	}{
		"a run that recovered": {[]string{
			span(1, 0, "nightly", 9, 0, facts{"backspan.kind": "run", "run.status": "success"}),
			span(2, 1, "load", 9, 0, facts{
				"backspan.kind": "phase", "phase.status": "success", "recovery.success": true,
			}),
		}, Recovered, "nightly"},
		"a dry run": {[]string{
			span(1, 0, "nightly", 9, 0, facts{"backspan.kind": "run", "run.status": "success", "run.dry_run": true}),
		}, DryRun, "nightly"},
		"a command whose operation has no span": {[]string{
			span(1, 99, "attempt 1", 9, 2, facts{
				"backspan.kind": "attempt", "retry.operation": "curl", "retry.attempt": 1, "retry.result": "failed",
				"process.command_line": "curl -f x",
			}),
		}, Failed, "curl -f x"},
		"an operation called through another's span": {[]string{
			span(1, 0, "outer", 9, 0, facts{"backspan.kind": "operation", "retry.outcome": "success"}),
			span(2, 1, "attempt 1", 9, 0, facts{
				"backspan.kind": "attempt", "retry.attempt": 1, "retry.result": "success",
			}),
			span(3, 77, "inner", 5, 2, facts{
				"backspan.kind": "operation", "retry.outcome": "exhausted", "retry.depth": 1,
			}),
		}, Succeeded, "outer"},
	} {
		t.Run(name, func(t *testing.T) {
			content := strings.Join(c.lines, "")
			path := write(t, "trace.json", content)
			log, err := List(path)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := whole.Session("")
			if err != nil {
				t.Fatal(err)
			}
			e := log.Sessions[0]
			if e.Name != s.Name() || e.Outcome != s.Outcome() || !e.Start.Equal(s.First) || !e.End.Equal(s.Last) ||
				e.Records != len(c.lines) {
				t.Errorf("the list has %+v, the session is %s, %s, from %v to %v",
					e, s.Name(), s.Outcome(), s.First, s.Last)
			}
			if c.outcome != e.Outcome || c.what != e.Name {
				t.Errorf("the list has %q, %q, want %q, %q", e.Name, e.Outcome, c.what, c.outcome)
			}
			lean := newDecoder()
			lean.list = true
			spans, _, err := lean.file(strings.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			for _, span := range spans {
				if len(span.Events) > 0 || span.get(attribute.Key("other")).Type() != attribute.EMPTY {
					t.Errorf("the list has decoded %+v", span)
				}
			}
		})
	}
}
