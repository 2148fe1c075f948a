package events

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// A Line is one record as a Reader found it. It points into the Reader's buffer and holds until the next one is asked
// for; Record makes a copy that stays.
type Line struct {
	raw    []byte
	offset int64

	timestamp, session, kind, phase, level, message, traceID, spanID, service, host, pid Value

	details   []Detail
	truncated bool
}

// A Detail is one member of a line's details.
type Detail struct {
	Key   Value // always a string
	Value Value
}

// Parse makes l the record in raw, one line without its newline, which l points into. It says whether raw is one
// record; if not, l is not to be used. It is for lines that were kept aside; a Reader finds records in a file.
func (l *Line) Parse(raw []byte) bool {
	*l = Line{raw: raw, details: l.details[:0]}
	return l.scan()
}

// Raw is the record as it stands in the file, without its newline, and without what it was glued to.
func (l *Line) Raw() []byte { return l.raw }

// Offset is where Raw begins, in bytes from the beginning of the (uncompressed) input. A program that keeps it can read
// the record again, or everything from there on.
func (l *Line) Offset() int64 { return l.offset }

// Timestamp is the text of the time. In one file written by a Writer these sort as the times do.
func (l *Line) Timestamp() Value { return l.timestamp }

// Session is the session's id.
func (l *Line) Session() Value { return l.session }

// Type is the record's type, one of the Type constants if a Writer wrote it.
func (l *Line) Type() Value { return l.kind }

// Phase is the phase's name; its text is "" outside a phase.
func (l *Line) Phase() Value { return l.phase }

// Level is one of the Level constants if a Writer wrote it.
func (l *Line) Level() Value { return l.level }

// Message is the sentence for people.
func (l *Line) Message() Value { return l.message }

// TraceID is the trace's id in 32 hex digits; nil when there is none.
func (l *Line) TraceID() Value { return l.traceID }

// SpanID is the span's id in 16 hex digits; nil when there is none.
func (l *Line) SpanID() Value { return l.spanID }

// Service is the name of the program that wrote the record; nil when it is not said.
func (l *Line) Service() Value { return l.service }

// Host is the name of the machine that the record was written on; nil when it is not said.
func (l *Line) Host() Value { return l.host }

// PID is the id of the process that wrote the record, a number; nil when it is not said.
func (l *Line) PID() Value { return l.pid }

// Truncated says whether the Writer had to cut something. Then no text of the record may be taken for the whole one.
func (l *Line) Truncated() bool { return l.truncated }

// Details are the details in the order of the line.
func (l *Line) Details() []Detail { return l.details }

// Detail is the value of one of the details; nil when there is none with that key. Of several the last one counts.
func (l *Line) Detail(key string) Value {
	for i := len(l.details) - 1; i >= 0; i-- {
		// The first byte tells most keys apart, escaped ones too. That took 6 % off a sum over a log.
		if k := l.details[i].Key; k[1] != first(key) && k[1] != '\\' || !k.Is(key) {
			continue
		}
		return l.details[i].Value
	}
	return nil
}

// first is the byte that stands behind the quote of key in JSON.
func first(key string) byte {
	if key == "" {
		return '"'
	}
	return key[0]
}

// scan reads raw. It says whether that is one record.
func (l *Line) scan() bool {
	return l.quick(l.raw) == len(l.raw) || l.foreign()
}

// trimmed is scan, and if need be scan of what is left of raw without what may stand around a record.
func (l *Line) trimmed() bool {
	if l.scan() {
		return true
	}
	whole := l.raw
	if l.raw = trim(whole); len(l.raw) == len(whole) {
		return false
	}
	l.offset += int64(bytes.Index(whole, l.raw))
	return l.scan()
}

// Time is when it happened. ok is false when the text is no time. Without a zone, as the Python system wrote it that
// this format comes from, it is taken as UTC.
func (l *Line) Time() (t time.Time, ok bool) {
	if t, ok = l.Timestamp().time(); ok {
		return t, true
	}
	text := l.Timestamp().Text()
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05.999999999", text)
	}
	return t.UTC(), err == nil
}

// Record decodes the line into a Record of its own. A whole number becomes an Int field, whatever it was; null becomes
// NaN; a nested value, which no Writer writes, becomes its JSON text; a time or an id that cannot be read is zero.
func (l *Line) Record() Record {
	t, _ := l.Time()
	r := Record{
		Time:    t,
		Session: l.Session().Text(),
		Type:    l.Type().Text(),
		Phase:   l.Phase().Text(),
		Level:   l.Level().Text(),
		Message: l.Message().Text(),
		Service: l.Service().Text(),
		Host:    l.Host().Text(),
	}
	if pid, err := strconv.Atoi(string(l.PID())); err == nil {
		r.PID = pid
	}
	for _, d := range l.Details() {
		r.Details = append(r.Details, d.Value.field(d.Key.Text()))
	}
	l.TraceID().id(r.TraceID[:])
	l.SpanID().id(r.SpanID[:])
	return r
}

// A Value is the JSON text of one value of a Line: "data_load" with its quotes, 1.5, true, null. It is good as the key
// of a map (m[string(v)] does not allocate); Text makes it readable. Nil is a value that the line does not have.
type Value []byte

// String is Text, so that a Value prints readably.
func (v Value) String() string { return v.Text() }

// Text is the value without quotes and escapes. It allocates.
func (v Value) Text() string {
	if !v.quoted() {
		return string(v)
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	var text string
	if json.Unmarshal(v, &text) != nil {
		return string(v)
	}
	return text
}

// Is says whether Text is text, without allocating in the usual case that nothing is escaped. Escapes are longer than
// what they stand for, so that most values are told apart by their length.
func (v Value) Is(text string) bool {
	if !v.quoted() {
		return string(v) == text
	}
	switch inner := v[1 : len(v)-1]; {
	case len(inner) < len(text):
		return false
	case len(inner) == len(text):
		return string(inner) == text && bytes.IndexByte(inner, '\\') < 0
	default:
		return bytes.IndexByte(inner, '\\') >= 0 && v.Text() == text
	}
}

// Float is the value as a number; ok is false when it is none.
func (v Value) Float() (f float64, ok bool) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v), 64)
	return f, err == nil
}

func (v Value) quoted() bool { return len(v) >= 2 && v[0] == '"' }

func (v Value) field(key string) Field {
	if v.quoted() {
		return String(key, v.Text())
	}
	switch string(v) {
	case "true":
		return Bool(key, true)
	case "false":
		return Bool(key, false)
	case "null":
		return Float(key, math.NaN())
	}
	if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return Int(key, n)
	}
	if f, ok := v.Float(); ok {
		return Float(key, f)
	}
	return String(key, string(v))
}

// time reads a time as appendTime writes it.
func (v Value) time() (t time.Time, ok bool) {
	const form = `"0000-00-00T00:00:00.000000Z"`
	if len(v) != len(form) {
		return t, false
	}
	for i, c := range v {
		if want := form[i]; want == '0' && c-'0' > 9 || want != '0' && c != want {
			return t, false
		}
	}
	number := func(from, to int) (n int) {
		for _, c := range v[from:to] {
			n = 10*n + int(c-'0')
		}
		return n
	}
	month, day := time.Month(number(6, 8)), number(9, 11)
	hour, minute, second := number(12, 14), number(15, 17), number(18, 20)
	t = time.Date(number(1, 5), month, day, hour, minute, second, 1000*number(21, 27), time.UTC)
	// time.Date takes what is no day of its month, or no hour, for a later one. To ask for the day takes a while.
	return t, 1 <= month && month <= 12 && 1 <= day && (day <= 28 || t.Day() == day) &&
		hour < 24 && minute < 60 && second < 60
}

// id decodes hex digits into id, and leaves it zero when they are not as many as they should be.
func (v Value) id(id []byte) {
	if len(v) != 2*len(id)+2 {
		return
	}
	if _, err := hex.Decode(id, v[1:len(v)-1]); err != nil {
		clear(id)
	}
}
