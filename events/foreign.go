package events

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/backspan/backspan/internal/jsontext"
)

// foreign reads a record that is spelled otherwise than Record.Append spells it: without spaces, with the keys in
// another order, with text that is not ASCII, by jq or by hand. Any JSON object with a string "timestamp" and a string
// "type" is a record. What else it holds at the top level is left out.
func (l *Line) foreign() bool {
	*l = Line{raw: l.raw, offset: l.offset, details: l.details[:0]}
	if !l.likely() {
		return false
	}
	ok := members(l.raw, func(key string, value Value) {
		switch key {
		case keyTimestamp:
			l.timestamp = value
		case keySession:
			l.session = value
		case keyType:
			l.kind = value
		case keyPhase:
			l.phase = value
		case keyLevel:
			l.level = value
		case keyMessage:
			l.message = value
		case keyTraceID:
			l.traceID = value
		case keySpanID:
			l.spanID = value
		case keyService:
			l.service = value
		case keyHost:
			l.host = value
		case keyPID:
			l.pid = value
		case keyTruncated:
			l.truncated = string(value) == "true"
		case keyDetails:
			l.details = l.details[:0]
			members(value, func(key string, value Value) {
				l.details = append(l.details, Detail{Key: quote(key), Value: value})
			})
		}
	})
	return ok && l.timestamp.quoted() && l.kind.quoted()
}

// likely rules out most of what is no record, without garbage. A key may be spelled with escapes.
func (l *Line) likely() bool {
	return len(l.raw) >= shortest && l.raw[0] == '{' && l.raw[len(l.raw)-1] == '}' &&
		(bytes.Contains(l.raw, []byte(keyTimestamp)) || bytes.IndexByte(l.raw, '\\') >= 0)
}

// members calls each for every member of the JSON object in raw. It says whether raw is one such object and
// nothing else.
func members(raw []byte, each func(key string, value Value)) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false
		}
		name, isText := key.(string)
		var value json.RawMessage
		if !isText || d.Decode(&value) != nil {
			return false
		}
		if value[0] == '"' {
			var text string
			if json.Unmarshal(value, &text) != nil {
				return false
			}
			value = json.RawMessage(quote(text))
		}
		each(name, Value(value))
	}
	if _, err := d.Token(); err != nil {
		return false
	}
	_, err := d.Token()
	return err == io.EOF
}

// quote is text as Append spells it, so that equal texts are equal Values.
func quote(text string) Value { return jsontext.AppendString(nil, text) }
