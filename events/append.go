package events

import (
	"encoding/hex"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/backspan/backspan/internal/jsontext"
)

// The limits of a line, in bytes as they stand in the file. A program that reads lines without a Reader needs a buffer
// of MaxLine.
const (
	MaxField = 8 << 10  // of one text or key, between its quotes
	MaxLine  = 32 << 10 // of a line, its newline included
)

// maxOrigin bounds service and host, in bytes as they stand in the file.
const maxOrigin = 128

// reservedTail is kept free behind the details: trace and span id, service, host and pid, "truncated", braces and
// newline.
const reservedTail = 160 + 2*maxOrigin + 64

// minField is where shortening the fields of an overlong record ends and dropping details begins.
const minField = 64

// Append appends r to line as one JSON object and a newline, and returns the longer slice. It allocates only
// when the capacity of line is too small.
//
// The line is ASCII without control characters, has a space after each colon and comma, and is at most MaxLine
// bytes long. A text longer than MaxField is cut; if the record is too long even so, all its texts are cut to
// half of that, a quarter, and so on, and in the end details are left out. A line that lost anything ends with
// "truncated": true. A cut never splits a character.
//
// Text keeps its meaning: what is not printable ASCII is escaped as JSON does it (é is \u00e9), and a byte that
// is not UTF-8 becomes the four characters \xNN with its value in hex, which a reader of the JSON sees as such.
//
// A detail whose key is one of the line's own (timestamp, type, …) gets an underscore behind it, so that a search
// for "type": "autocorrect_attempt" finds that type and nothing else. NaN and the infinities are written as null.
// Years outside 0 to 9999 become the nearest of these.
func (r *Record) Append(line []byte) []byte {
	var buf [reservedTail]byte
	return r.append(line, appendOrigin(buf[:0], r.Service, r.Host, r.PID))
}

// append is Append with origin in place of r's own service, host and pid.
func (r *Record) append(line, origin []byte) []byte {
	start := len(line)
	for limit := MaxField; ; limit /= 2 {
		e := encoder{out: line[:start], limit: limit, end: start + MaxLine - reservedTail}
		if e.record(r, origin); !e.over {
			return e.out
		}
	}
}

// An encoder appends one record under one limit for its texts.
type encoder struct {
	out   []byte
	limit int // of each text, in bytes
	end   int // how long out may be before what follows the details
	cut   bool
	over  bool // it does not fit under this limit
}

func (e *encoder) record(r *Record, origin []byte) {
	e.cut = e.limit < MaxField
	e.out = append(e.out, `{"timestamp": "`...)
	e.out = appendTime(e.out, r.Time)
	e.out = append(e.out, `", "session_id": `...)
	e.text(r.Session)
	e.out = append(e.out, `, "type": `...)
	e.text(r.Type)
	e.out = append(e.out, `, "phase": `...)
	e.text(r.Phase)
	e.out = append(e.out, `, "level": `...)
	e.text(r.Level)
	e.out = append(e.out, `, "message": `...)
	e.text(r.Message)
	e.out = append(e.out, `, "details": {`...)
	e.details(r.Details)
	e.out = append(e.out, '}')
	if r.TraceID != [16]byte{} {
		e.out = append(e.out, `, "trace_id": "`...)
		e.out = hex.AppendEncode(e.out, r.TraceID[:])
		e.out = append(e.out, '"')
	}
	if r.SpanID != [8]byte{} {
		e.out = append(e.out, `, "span_id": "`...)
		e.out = hex.AppendEncode(e.out, r.SpanID[:])
		e.out = append(e.out, '"')
	}
	e.out = append(e.out, origin...)
	if e.cut {
		e.out = append(e.out, `, "truncated": true`...)
	}
	e.out = append(e.out, '}', '\n')
}

// appendOrigin appends the members of a line that say who wrote it.
func appendOrigin(out []byte, service, host string, pid int) []byte {
	if service != "" {
		out, _ = jsontext.AppendText(append(out, `, "service": "`...), service, maxOrigin)
		out = append(out, '"')
	}
	if host != "" {
		out, _ = jsontext.AppendText(append(out, `, "host": "`...), host, maxOrigin)
		out = append(out, '"')
	}
	if pid != 0 {
		out = strconv.AppendInt(append(out, `, "pid": `...), int64(pid), 10)
	}
	return out
}

// hostName is the name of the machine, empty when the system does not tell.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

func (e *encoder) details(fields []Field) {
	for i := range fields {
		before := len(e.out)
		if i > 0 {
			e.out = append(e.out, ',', ' ')
		}
		e.field(&fields[i])
		if len(e.out) <= e.end {
			continue
		}
		if e.over = e.limit > minField; !e.over {
			e.out, e.cut = e.out[:before], true
		}
		return
	}
	e.over = len(e.out) > e.end
}

func (e *encoder) field(f *Field) {
	e.text(f.Key)
	if ownKey(f.Key) {
		e.out = append(e.out[:len(e.out)-1], '_', '"')
	}
	e.out = append(e.out, ':', ' ')
	switch f.kind {
	case kindInt:
		e.out = strconv.AppendInt(e.out, int64(f.bits), 10)
	case kindFloat:
		e.out = appendFloat(e.out, math.Float64frombits(f.bits))
	case kindBool:
		e.out = strconv.AppendBool(e.out, f.bits != 0)
	default:
		e.text(f.text)
	}
}

func (e *encoder) text(s string) {
	var whole bool
	e.out = append(e.out, '"')
	e.out, whole = jsontext.AppendText(e.out, s, e.limit)
	e.out = append(e.out, '"')
	e.cut = e.cut || !whole
}

// ownKey says whether key is one of the line's own, which no detail may have.
func ownKey(key string) bool {
	switch key {
	case keyTimestamp, keySession, keyType, keyPhase, keyLevel, keyMessage, keyDetails, keyTraceID, keySpanID,
		keyService, keyHost, keyPID, keyTruncated:
		return true
	}
	return false
}

// appendTime appends t in UTC with microseconds, always 27 bytes (RFC3339Nano drops zeros at the end).
func appendTime(out []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	micro := t.Nanosecond() / 1000
	switch {
	case year < 0:
		return append(out, "0000-01-01T00:00:00.000000Z"...)
	case year > 9999:
		return append(out, "9999-12-31T23:59:59.999999Z"...)
	}
	out = append2(append2(out, year/100), year%100)
	out = append2(append(out, '-'), int(month))
	out = append2(append(out, '-'), day)
	out = append2(append(out, 'T'), hour)
	out = append2(append(out, ':'), minute)
	out = append2(append(out, ':'), second)
	out = append2(append(out, '.'), micro/10000)
	out = append2(append2(out, micro/100%100), micro%100)
	return append(out, 'Z')
}

func append2(out []byte, n int) []byte { return append(out, byte('0'+n/10), byte('0'+n%10)) }

// appendFloat appends f as a JSON number, or null when it is none.
func appendFloat(out []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(out, "null"...)
	}
	return jsontext.AppendFloat(out, f)
}
