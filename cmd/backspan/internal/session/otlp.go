package session

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/semconv"
)

// maxDetails is how many attributes and how many events a span may have, and how many attributes an event. SDKs stop
// at 128 unless they are told otherwise.
const maxDetails = 1000

// A decoder makes spans of lines of OTLP JSON. It makes them one by one, and nothing of what no span needs, so that the
// memory for a line is that of its spans.
type decoder struct {
	in    jsonReader
	list  bool  // only what the list of sessions tells is asked for: see listKeys
	size  int64 // of the file, in bytes; 0: not known
	spans recent[Span]
	left  LeftOut
	texts interner
	lists map[string][]attribute.KeyValue // by their text, attributes that were read before; see attributesInto
	again map[string][]byte               // by key, what skipAgain went over last

	attributes []attribute.KeyValue // of the span or the event that is read
	events     []Event
}

func newDecoder() *decoder {
	return &decoder{
		spans: recent[Span]{cost: (*Span).cost}, texts: interner{}, again: map[string][]byte{},
		lists: map[string][]attribute.KeyValue{},
	}
}

// leftOut counts what is not among the spans.
func (d *decoder) leftOut() LeftOut {
	left := d.left
	left.Spans = d.spans.dropped
	return left
}

// cost is how many bytes s needs, its node in a tree included.
func (s *Span) cost() int {
	const span, event, keyValue = 900, 64, 64
	sum := span + len(s.StatusText) + costOf(s.Name) + keyValue*len(s.Attributes)
	sumOf := func(list []attribute.KeyValue) {
		for i := range list {
			sum += costOf(string(list[i].Key))
			if list[i].Value.Type() == attribute.STRING {
				sum += costOf(list[i].Value.AsString())
			}
		}
	}
	sumOf(s.Attributes)
	for i := range s.Events {
		sum += event + costOf(s.Events[i].Name) + keyValue*len(s.Events[i].Attributes)
		sumOf(s.Events[i].Attributes)
	}
	return sum
}

// costOf is how many bytes s needs, half of them when others may share it.
func costOf(s string) int {
	if len(s) > maxInterned {
		return len(s)
	}
	return len(s) / 2
}

// line reads the spans of one line. It reports whether all of the line could be read; else in has the fault.
func (d *decoder) line(line []byte) bool {
	d.in = jsonReader{data: line}
	if len(line) < len(`{"resourceSpans":[]}`) { // a file may be full of such lines
		d.in.fail("resourceSpans")
		return false
	}
	found := false
	for key := range d.in.members {
		if string(key) != "resourceSpans" {
			d.in.skip()
			continue
		}
		found = d.in.peek() == '['
		for range d.in.elements {
			d.each("scopeSpans", func() { d.each("spans", d.span) })
		}
	}
	if d.in.end() && !found {
		d.in.fail("resourceSpans")
	}
	return !d.in.bad()
}

// each reads an object, and each member of its array of that name.
func (d *decoder) each(name string, read func()) {
	for key := range d.in.members {
		if string(key) != name {
			d.skipAgain(key)
			continue
		}
		for range d.in.elements {
			read()
		}
	}
}

// What skipAgain remembers: bytes of one object, and how many.
const (
	maxAgain     = 16 << 10
	maxAgainKeys = 10
)

// skipAgain goes over the value of a key that all lines have: a resource, a scope. When it is the same object as before
// nothing of it is looked at. That took a tenth off reading a file, a third of which is its one resource.
func (d *decoder) skipAgain(key []byte) {
	d.in.peek()
	known := d.again[string(key)]
	if known != nil && bytes.HasPrefix(d.in.data[d.in.at:], known) {
		d.in.at += len(known)
		return
	}
	raw := d.in.raw()
	if whole := !d.in.bad() && bytes.HasPrefix(raw, []byte("{")); whole && len(raw) <= maxAgain &&
		(known != nil || len(d.again) < maxAgainKeys) {
		d.again[string(key)] = append(known[:0], raw...)
	}
}

func (d *decoder) span() {
	var s Span
	d.attributes, d.events = d.attributes[:0], d.events[:0]
	ok := d.in.open('{')
	if ok {
		d.quickHead(&s)
	}
	for ok && d.in.more('}') {
		switch key := d.in.key(); string(key) {
		case "traceId":
			readID(s.TraceID[:], d.in.text())
		case "spanId":
			readID(s.SpanID[:], d.in.text())
		case "parentSpanId":
			readID(s.ParentID[:], d.in.text())
		case "name":
			s.Name = d.texts.text(d.in.text())
		case "startTimeUnixNano":
			s.Start = d.time()
		case "endTimeUnixNano":
			s.End = d.time()
		case "attributes":
			d.attributesInto(&s.Attributes)
		case "events":
			if d.list {
				d.in.skip()
				continue
			}
			for range d.in.elements {
				d.event()
			}
		case "status":
			d.status(&s)
		default:
			d.in.skip()
		}
	}
	switch {
	case d.in.bad():
		return
	case !s.TraceID.IsValid() || !s.SpanID.IsValid():
		d.left.NoID++
		return
	}
	s.Events = slices.Clone(d.events)
	s.Kind = s.Text(semconv.KindKey)
	d.spans.add(s)
}

// quickHead reads what spans of our own trace files begin with, up to their end, or nothing where that is spelled
// otherwise. That took a sixth off the time for a list.
func (d *decoder) quickHead(s *Span) {
	traceID, rest := quoted(d.in.data[d.in.at:], `"traceId":"`)
	spanID, rest := quoted(rest, `,"spanId":"`)
	parentID, after := quoted(rest, `,"parentSpanId":"`)
	if after != nil { // a root has none
		rest = after
	}
	name, rest := quoted(digits(rest, `,"flags":`), `,"name":"`)
	start, rest := quoted(digits(rest, `,"kind":`), `,"startTimeUnixNano":"`)
	end, rest := quoted(rest, `,"endTimeUnixNano":"`)
	if rest == nil {
		return
	}
	began, err := timeOf(start)
	if err != nil {
		return
	}
	ended, err := timeOf(end)
	if err != nil {
		return
	}
	s.Name, s.Start, s.End = d.texts.text(name), began, ended
	readID(s.TraceID[:], traceID)
	readID(s.SpanID[:], spanID)
	readID(s.ParentID[:], parentID)
	d.in.at, d.in.fresh = len(d.in.data)-len(rest), false
}

// digits is what follows prefix and a whole number; nil when they are not there.
func digits(data []byte, prefix string) []byte {
	if len(data) < len(prefix) || string(data[:len(prefix)]) != prefix {
		return nil
	}
	rest := data[len(prefix):]
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if n == 0 {
		return nil
	}
	return rest[n:]
}

func (d *decoder) event() {
	var e Event
	for key := range d.in.members {
		switch string(key) {
		case "timeUnixNano":
			e.Time = d.time()
		case "name":
			e.Name = d.texts.text(d.in.text())
		case "attributes":
			d.attributesInto(&e.Attributes)
		default:
			d.in.skip()
		}
	}
	if len(d.events) == maxDetails {
		d.left.Details++
		return
	}
	d.events = append(d.events, e)
}

// What lists of attributes a decoder remembers: how long their texts are, how many attributes they have, and how many
// lists there are. That is 24 MiB at most.
const (
	maxListText   = 2 << 10
	maxListLength = 64
	maxLists      = 4096
)

// attributesInto reads the attributes of a span or an event. Spans of one operation have the same ones again and again.
// A list whose text was read before is shared: nobody changes it, and it has no room to append to. That took two thirds
// off the time and off the memory of a span, most of which were its attributes.
func (d *decoder) attributesInto(list *[]attribute.KeyValue) {
	d.in.peek()
	start := d.in.at
	if text := listText(d.in.data[start:]); text != nil {
		if known, ok := d.lists[string(text)]; ok {
			*list = known
			d.in.at += len(text)
			return
		}
	}
	d.attributes = d.attributes[:0]
	for range d.in.elements {
		if len(d.attributes) == maxDetails {
			d.in.skip()
			d.left.Details++
			continue
		}
		kv, ok := d.quickAttribute()
		if !ok {
			kv = d.attribute()
		}
		if d.list && !listKeys[kv.Key] {
			continue
		}
		d.attributes = append(d.attributes, kv)
	}
	*list = slices.Clip(slices.Clone(d.attributes))
	text := d.in.data[start:d.in.at]
	if d.in.bad() || len(*list) > maxListLength || len(listText(text)) != len(text) {
		return
	}
	if len(d.lists) == maxLists {
		clear(d.lists)
	}
	d.lists[string(text)] = *list
}

// listText is what data begins with up to the first bracket that closes, which is a whole list if no text in it has a
// bracket; nil where that is too long to be remembered, or data begins otherwise.
func listText(data []byte) []byte {
	data = data[:min(len(data), maxListText)]
	if end := bytes.IndexByte(data, ']'); end > 0 && data[0] == '[' {
		return data[:end+1]
	}
	return nil
}

func (d *decoder) attribute() (kv attribute.KeyValue) {
	for key := range d.in.members {
		switch string(key) {
		case "key":
			kv.Key = attribute.Key(d.texts.text(d.in.text()))
		case "value":
			kv.Value = d.value()
		default:
			d.in.skip()
		}
	}
	return kv
}

// quickAttribute is attribute for the spelling of our own trace files; ok is false, and nothing read, where it is
// another. That halved the time for attributes, which was a third of all.
func (d *decoder) quickAttribute() (kv attribute.KeyValue, ok bool) {
	key, rest := quoted(d.in.data[d.in.at:], `{"key":"`)
	kind, rest := quoted(rest, `,"value":{"`)
	var raw []byte
	switch string(kind) {
	case "stringValue":
		raw, rest = quoted(rest, `:"`)
		kv.Value = attribute.StringValue(d.texts.text(raw))
	case "intValue":
		raw, rest = quoted(rest, `:"`)
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return kv, false
		}
		kv.Value = attribute.Int64Value(n)
	case "boolValue":
		yes := bytes.HasPrefix(rest, []byte(":true"))
		rest = bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte(":true")), []byte(":false"))
		kv.Value = attribute.BoolValue(yes)
	default:
		return kv, false
	}
	if !bytes.HasPrefix(rest, []byte("}}")) {
		return kv, false
	}
	kv.Key = attribute.Key(d.texts.text(key))
	d.in.at = len(d.in.data) - len(rest) + len("}}")
	return kv, true
}

// quoted is the text behind prefix and before the next quote, and what follows that. Both are nil when the prefix is
// not there, or the text has escapes or is no UTF-8.
func quoted(data []byte, prefix string) (text, rest []byte) {
	if len(data) < len(prefix) || string(data[:len(prefix)]) != prefix {
		return nil, nil
	}
	data = data[len(prefix):]
	end := bytes.IndexByte(data, '"')
	if end < 0 || bytes.IndexByte(data[:end], '\\') >= 0 || !utf8.Valid(data[:end]) {
		return nil, nil
	}
	return data[:end], data[end+1:]
}

// listKeys are the attributes by which New builds a tree, and that its Name and its Outcome are told by.
var listKeys = map[attribute.Key]bool{
	semconv.SessionIDKey: true, semconv.KindKey: true, semconv.OperationKey: true, semconv.PhaseNameKey: true,
	semconv.AttemptKey: true, semconv.DepthKey: true, semconv.ProcessCommandKey: true,
	semconv.OutcomeKey: true, semconv.ResultKey: true, semconv.SkippedKey: true, semconv.AllowedKey: true,
	semconv.RunStatusKey: true, semconv.RunDryRunKey: true,
	semconv.PhaseStatusKey: true, semconv.PhaseFallbackKey: true, semconv.RecoverySuccessKey: true,
}

// value reads the value of an attribute. Lists and maps are kept as their JSON; a number that is none is no value.
func (d *decoder) value() (v attribute.Value) {
	for key := range d.in.members {
		switch string(key) {
		case "stringValue", "bytesValue":
			v = attribute.StringValue(d.texts.text(d.in.text()))
		case "boolValue":
			v = attribute.BoolValue(string(d.in.scalar()) == "true")
		case "intValue":
			if n, err := strconv.ParseInt(string(d.in.scalar()), 10, 64); err == nil {
				v = attribute.Int64Value(n)
			}
		case "doubleValue":
			// ParseFloat also knows the names that protobuf's JSON has for what JSON lacks: NaN, Infinity.
			if f, err := strconv.ParseFloat(string(d.in.scalar()), 64); err == nil {
				v = attribute.Float64Value(f)
			}
		case "arrayValue", "kvlistValue":
			v = attribute.StringValue(d.texts.text(d.in.raw()))
		default:
			d.in.skip()
		}
	}
	return v
}

// time is a time in nanoseconds since 1970; see timeOf. It is zero for null.
func (d *decoder) time() (t time.Time) {
	d.in.peek()
	start := d.in.at
	raw := d.in.scalar()
	if string(raw) == "null" {
		return t
	}
	t, err := timeOf(raw)
	if err != nil {
		if !d.in.bad() {
			d.in.at = start
		}
		d.in.fail("a time in nanoseconds since 1970")
	}
	return t
}

// timeOf reads a time in nanoseconds since 1970. It is zero for 0, and for what is beyond the years that Go can count.
func timeOf(nanoseconds []byte) (t time.Time, err error) {
	n, err := strconv.ParseUint(string(nanoseconds), 10, 64)
	if n > 0 && n <= math.MaxInt64 && err == nil {
		t = time.Unix(0, int64(n)).UTC()
	}
	return t, err
}

func (d *decoder) status(s *Span) {
	for key := range d.in.members {
		switch string(key) {
		case "message":
			s.StatusText = d.texts.text(d.in.text())
		case "code":
			s.Status = d.code()
		default:
			d.in.skip()
		}
	}
}

// code is a status code, which JSON may hold by number or by name.
func (d *decoder) code() codes.Code {
	d.in.peek()
	start := d.in.at
	switch string(d.in.scalar()) {
	case "0", "STATUS_CODE_UNSET", "null":
		return codes.Unset
	case "1", "STATUS_CODE_OK":
		return codes.Ok
	case "2", "STATUS_CODE_ERROR":
		return codes.Error
	}
	if !d.in.bad() {
		d.in.at = start
	}
	d.in.fail("a status code: 0, 1 or 2")
	return codes.Unset
}

// readID leaves id zero when text is no id.
func readID(id, text []byte) {
	if len(text) != hex.EncodedLen(len(id)) {
		return
	}
	if _, err := hex.Decode(id, text); err != nil {
		clear(id)
	}
}

// An interner gives equal short texts one string: spans say the same again and again.
type interner map[string]string

// Limits of an interner: how long a text is that it remembers, and how many it remembers.
const (
	maxInterned = 64
	maxTexts    = 10_000
)

func (in interner) text(b []byte) string {
	if len(b) > maxInterned {
		return string(b)
	}
	if s, known := in[string(b)]; known {
		return s
	}
	if len(in) == maxTexts {
		clear(in)
	}
	s := string(b)
	in[s] = s
	return s
}
