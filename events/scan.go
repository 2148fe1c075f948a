package events

import (
	"encoding/binary"
	"math/bits"
)

// What follows reads a line in the spelling that Record.Append gives it: these keys in this order, one space after each
// colon and comma. It checks every byte, and gives up at whatever is spelled otherwise. The functions take what is
// read and the position in it, and return the position behind what they found. That is -1 where it is not there, and
// stays so. Positions are not in a struct: passing them in registers took a third of the time off. And keys are looked
// for in quick itself: after is inlined there, which took a tenth off.

// quick makes l the record that raw begins with, and returns where it ends, at the end of raw or before a newline;
// else -1, and l is not to be used. The end of the line need not be looked for.
func (l *Line) quick(raw []byte) int {
	timestamp := after(raw, 0, `{"timestamp": `)
	timestampEnd := str(raw, timestamp)
	session := after(raw, timestampEnd, `, "session_id": `)
	sessionEnd := str(raw, session)
	kind := after(raw, sessionEnd, `, "type": `)
	kindEnd := str(raw, kind)
	phase := after(raw, kindEnd, `, "phase": `)
	phaseEnd := str(raw, phase)
	level := after(raw, phaseEnd, `, "level": `)
	levelEnd := str(raw, level)
	message := after(raw, levelEnd, `, "message": `)
	messageEnd := str(raw, message)
	if messageEnd < 0 {
		return -1
	}
	l.timestamp, l.session, l.kind = raw[timestamp:timestampEnd], raw[session:sessionEnd], raw[kind:kindEnd]
	l.phase, l.level, l.message = raw[phase:phaseEnd], raw[level:levelEnd], raw[message:messageEnd]
	at := l.quickDetails(raw, after(raw, messageEnd, `, "details": {`))
	l.traceID, at = optional(raw, at, after(raw, at, `, "trace_id": `))
	l.spanID, at = optional(raw, at, after(raw, at, `, "span_id": `))
	l.service, at = optional(raw, at, after(raw, at, `, "service": `))
	l.host, at = optional(raw, at, after(raw, at, `, "host": `))
	l.pid = nil
	if pid := after(raw, at, `, "pid": `); pid >= 0 {
		if at = number(raw, pid); at < 0 {
			return -1
		}
		l.pid = raw[pid:at]
	}
	rest := after(raw, at, `, "truncated": true`)
	if l.truncated = rest >= 0; l.truncated {
		at = rest
	}
	if at = after(raw, at, `}`); at >= 0 && at < len(raw) && raw[at] != '\n' {
		return -1
	}
	return at
}

// quickDetails scans the object of details, behind its brace.
func (l *Line) quickDetails(raw []byte, at int) int {
	l.details = l.details[:0]
	if end := after(raw, at, `}`); end >= 0 {
		return end
	}
	for {
		colon := str(raw, at)
		if colon < 0 || colon+1 >= len(raw) || raw[colon] != ':' || raw[colon+1] != ' ' {
			return -1
		}
		end := value(raw, colon+2)
		if end < 0 || end+1 >= len(raw) {
			return -1
		}
		l.details = append(l.details, Detail{Key: raw[at:colon], Value: raw[colon+2 : end]})
		switch {
		case raw[end] == '}':
			return end + 1
		case raw[end] != ',' || raw[end+1] != ' ':
			return -1
		}
		at = end + 2
	}
}

// optional scans the string at start, if start says that there is one at all, where something else is at at.
func optional(raw []byte, at, start int) (Value, int) {
	if start < 0 {
		return nil, at
	}
	end := str(raw, start)
	if end < 0 {
		return nil, -1
	}
	return raw[start:end], end
}

// after scans text.
func after(raw []byte, at int, text string) int {
	if end := at + len(text); at >= 0 && end <= len(raw) && string(raw[at:end]) == text {
		return end
	}
	return -1
}

// value scans a string, a number, true, false or null. Nested values are another spelling.
func value(raw []byte, at int) int {
	if at < 0 || at >= len(raw) {
		return -1
	}
	switch c := raw[at]; {
	case c == '"':
		return str(raw, at)
	case c == '-' || c-'0' <= 9:
		return number(raw, at)
	case c == 't':
		return after(raw, at, "true")
	case c == 'f':
		return after(raw, at, "false")
	}
	return after(raw, at, "null")
}

// number scans a number as JSON has it: no zero in front, digits on both sides of the point.
func number(raw []byte, at int) int {
	if at < len(raw) && raw[at] == '-' {
		at++
	}
	if at < len(raw) && raw[at] == '0' {
		at++
	} else {
		at = digitRun(raw, at)
	}
	if at >= 0 && at < len(raw) && raw[at] == '.' {
		at = digitRun(raw, at+1)
	}
	if at >= 0 && at < len(raw) && raw[at]|0x20 == 'e' {
		if at++; at < len(raw) && (raw[at] == '+' || raw[at] == '-') {
			at++
		}
		at = digitRun(raw, at)
	}
	return at
}

// digitRun scans one digit or more.
func digitRun(raw []byte, at int) int {
	start := at
	for at < len(raw) && raw[at]-'0' <= 9 {
		at++
	}
	if at == start {
		return -1
	}
	return at
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// str scans a string of printable ASCII, quotes included. It takes eight bytes at a time: the lowest bit that is set in
// odd is the first byte that is a quote, a backslash, a control character or not ASCII. Bits above that one may be
// wrong. The loop's condition and both ends of the slice tell the compiler that a word is within raw: without them it
// checks each, which cost a tenth.
func str(raw []byte, at int) int {
	if at < 0 || at >= len(raw) || raw[at] != '"' {
		return -1
	}
	at++
	for at >= 0 && at <= len(raw)-8 {
		word := binary.LittleEndian.Uint64(raw[at : at+8])
		low := word ^ ('"'^' ')*ones // the quote becomes a blank: it and the control characters are below 0x21
		slash := word ^ '\\'*ones
		odd := (word | (low - 0x21*ones) | (slash - ones)) & highs
		if odd == 0 {
			at += 8
			continue
		}
		at += bits.TrailingZeros64(odd) / 8
		if raw[at] == '"' {
			return at + 1
		}
		if at = escape(raw, at); at < 0 {
			return -1
		}
	}
	return strEnd(raw, at)
}

// strEnd is str for the last bytes of raw, from within the string.
func strEnd(raw []byte, at int) int {
	for at >= 0 && at < len(raw) {
		switch c := raw[at]; {
		case c == '"':
			return at + 1
		case c < ' ' || c >= 0x80 || c == '\\':
			at = escape(raw, at)
		default:
			at++
		}
	}
	return -1
}

// escape scans an escape.
func escape(raw []byte, at int) int {
	rest := raw[at:]
	if rest[0] != '\\' || len(rest) < 2 {
		return -1
	}
	switch rest[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 2
	case 'u':
		if len(rest) < 6 {
			return -1
		}
		for _, c := range rest[2:6] {
			if !isHex(c) {
				return -1
			}
		}
		return at + 6
	}
	return -1
}

func isHex(c byte) bool { return c-'0' <= 9 || c-'a' <= 5 || c-'A' <= 5 }
