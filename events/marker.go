package events

import "bytes"

// marker is how every line begins. No text in a line can hold it, because quotes are escaped there, and no detail is
// called "timestamp"; so wherever it stands, a record begins.
const marker = `{"timestamp": "`

var markerBytes = []byte(marker)

const (
	spanTail = `, "span_id": "0123456789abcdef"}`
	spanKey  = `, "span_id": "`
	cutTail  = `, "truncated": true}`
)

// shaped says whether raw begins and ends as whole records do and holds no second one. That is much cheaper than to
// scan it, and no torn or glued line passes: like the marker, these ends cannot stand inside a text.
func shaped(raw []byte) bool {
	if len(raw) < len(marker)+len(spanTail) || string(raw[:len(marker)]) != marker {
		return false
	}
	end := raw[len(raw)-len(spanTail):]
	if string(end[:len(spanKey)]) != spanKey || string(end[len(end)-2:]) != `"}` {
		if string(end[len(end)-len(cutTail):]) != cutTail {
			return false
		}
	}
	return !bytes.Contains(raw[len(marker):], markerBytes)
}
