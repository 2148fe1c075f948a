package events

import (
	"encoding/binary"
	"math/bits"
)

// A scanner walks through a line in the spelling that Record.Append gives it: these keys in this order, one space
// after each colon and comma. It checks every byte, and gives up (at = -1) at whatever is spelled otherwise.
type scanner struct {
	raw []byte
	at  int
}

// whole scans the line and fills l's values.
func (s *scanner) whole(l *Line) bool {
	l.timestamp = s.member(`{"timestamp": `)
	l.session = s.member(`, "session_id": `)
	l.kind = s.member(`, "type": `)
	l.phase = s.member(`, "phase": `)
	l.level = s.member(`, "level": `)
	l.message = s.member(`, "message": `)
	s.details(l)
	l.traceID = s.optional(`, "trace_id": `)
	l.spanID = s.optional(`, "span_id": `)
	l.service = s.optional(`, "service": `)
	l.host = s.optional(`, "host": `)
	l.pid = s.optionalNumber(`, "pid": `)
	l.truncated = s.at >= 0 && s.try(`, "truncated": true`)
	s.skip(`}`)
	return s.at == len(s.raw)
}

// member scans a key, written as in text, and the string behind it.
func (s *scanner) member(text string) Value {
	s.skip(text)
	return s.str()
}

// optional is member for what may be missing.
func (s *scanner) optional(text string) Value {
	if s.at < 0 || !s.try(text) {
		return nil
	}
	return s.str()
}

// optionalNumber is optional for a number.
func (s *scanner) optionalNumber(text string) Value {
	if s.at < 0 || !s.try(text) {
		return nil
	}
	start := s.at
	if s.number(); s.at < 0 {
		return nil
	}
	return s.raw[start:s.at]
}

func (s *scanner) skip(text string) {
	if s.at >= 0 && !s.try(text) {
		s.at = -1
	}
}

func (s *scanner) try(text string) bool {
	end := s.at + len(text)
	if end > len(s.raw) || string(s.raw[s.at:end]) != text {
		return false
	}
	s.at = end
	return true
}

// details scans the object of details.
func (s *scanner) details(l *Line) {
	l.details = l.details[:0]
	s.skip(`, "details": {`)
	if s.at < 0 || s.try(`}`) {
		return
	}
	for {
		var d Detail
		d.Key = s.str()
		s.skip(`: `)
		d.Value = s.value()
		if s.at < 0 {
			return
		}
		l.details = append(l.details, d)
		if !s.try(`, `) {
			s.skip(`}`)
			return
		}
	}
}

// value scans a string, a number, true, false or null. Nested values are another spelling.
func (s *scanner) value() Value {
	if s.at < 0 || s.at == len(s.raw) {
		s.at = -1
		return nil
	}
	start := s.at
	switch c := s.raw[start]; {
	case c == '"':
		return s.str()
	case c == '-' || c >= '0' && c <= '9':
		s.number()
	case !s.try("true") && !s.try("false"):
		s.skip("null")
	}
	if s.at < 0 {
		return nil
	}
	return s.raw[start:s.at]
}

// number scans a number as JSON has it: no zero in front, digits on both sides of the point.
func (s *scanner) number() {
	s.try("-")
	if !s.try("0") {
		s.digits()
	}
	if s.at >= 0 && s.try(".") {
		s.digits()
	}
	if s.at >= 0 && (s.try("e") || s.try("E")) {
		_ = s.try("+") || s.try("-")
		s.digits()
	}
}

// digits scans one digit or more.
func (s *scanner) digits() {
	start := s.at
	for s.at < len(s.raw) && s.raw[s.at]-'0' <= 9 {
		s.at++
	}
	if s.at == start {
		s.at = -1
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// str scans a string of printable ASCII, quotes included. It takes eight bytes at a time: the lowest bit that is set in
// odd is the first byte that is a quote, a backslash, a control character or not ASCII. Bits above that one may be
// wrong.
func (s *scanner) str() Value {
	start := s.at
	if start < 0 || start >= len(s.raw) || s.raw[start] != '"' {
		s.at = -1
		return nil
	}
	at := start + 1
	for at+8 <= len(s.raw) {
		word := binary.LittleEndian.Uint64(s.raw[at:])
		quote := word ^ '"'*ones
		slash := word ^ '\\'*ones
		odd := (word | (word - ' '*ones) | (quote - ones) | (slash - ones)) & highs
		if odd == 0 {
			at += 8
			continue
		}
		at += bits.TrailingZeros64(odd) / 8
		if s.raw[at] == '"' {
			s.at = at + 1
			return s.raw[start:s.at]
		}
		if at = s.escape(at); at < 0 {
			s.at = -1
			return nil
		}
	}
	return s.strEnd(start, at)
}

// strEnd is str for the last bytes of the line.
func (s *scanner) strEnd(start, at int) Value {
	for at >= 0 && at < len(s.raw) {
		switch c := s.raw[at]; {
		case c == '"':
			s.at = at + 1
			return s.raw[start:s.at]
		case c < ' ' || c >= 0x80 || c == '\\':
			at = s.escape(at)
		default:
			at++
		}
	}
	s.at = -1
	return nil
}

// escape returns where the escape at at ends, or -1 when there is no good one.
func (s *scanner) escape(at int) int {
	rest := s.raw[at:]
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
