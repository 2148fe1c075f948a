package jsontext

import (
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// plain marks the bytes that stand for themselves in a JSON string of ours.
var plain = func() (table [256]bool) {
	for c := ' '; c <= '~'; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// AppendString appends s as a JSON string, between quotes.
func AppendString(out []byte, s string) []byte {
	out, _ = AppendText(append(out, '"'), s, 6*len(s)) // no escape is longer than six times what it stands for
	return append(out, '"')
}

// AppendFloat appends f, which is finite, as a JSON number: in short digits or, when very large or small, with an
// exponent.
func AppendFloat(out []byte, f float64) []byte {
	size := math.Abs(f)
	switch {
	case size < 1<<53 && f == math.Trunc(f) && !(f == 0 && math.Signbit(f)): // most delays, and three times as fast
		return strconv.AppendInt(out, int64(f), 10)
	case size != 0 && (size < 1e-6 || size >= 1e21):
		return strconv.AppendFloat(out, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(out, f, 'f', -1, 64)
}

// AppendText appends s, escaped to printable ASCII, up to limit bytes and without quotes. It says whether all of s went
// in. A character is never split. A byte that is not UTF-8 becomes the four characters \xNN with its value in hex.
func AppendText(out []byte, s string, limit int) ([]byte, bool) {
	for i := 0; ; {
		run := i + plainRun(s[i:min(len(s), i+limit)])
		out = append(out, s[i:run]...)
		limit -= run - i
		i = run
		if i == len(s) {
			return out, true
		}
		if limit == 0 {
			return out, false
		}
		var buf [12]byte
		escaped, size := appendEscape(buf[:0], s[i:])
		if len(escaped) > limit {
			return out, false
		}
		out = append(out, escaped...)
		limit -= len(escaped)
		i += size
	}
}

// plainRun is how many bytes at the beginning of s stand for themselves. It looks at eight at once: the lowest bit that
// is set in odd is the first byte that does not. Bits above that one may be wrong.
func plainRun(s string) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	run := 0
	for run+8 <= len(s) {
		word := word64(s[run:])
		quote := word ^ '"'*ones
		slash := word ^ '\\'*ones
		odd := (word | (word + ones) | (word - ' '*ones) | (quote - ones) | (slash - ones)) & highs
		if odd != 0 {
			return run + bits.TrailingZeros64(odd)/8
		}
		run += 8
	}
	for run < len(s) && plain[s[run]] {
		run++
	}
	return run
}

func word64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// appendEscape appends the escape for the first character of s, and says how many bytes of s it stands for.
func appendEscape(out []byte, s string) ([]byte, int) {
	switch c := s[0]; c {
	case '"', '\\':
		return append(out, '\\', c), 1
	case '\n':
		return append(out, '\\', 'n'), 1
	case '\r':
		return append(out, '\\', 'r'), 1
	case '\t':
		return append(out, '\\', 't'), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size == 1:
		return append(out, '\\', '\\', 'x', digits[s[0]>>4], digits[s[0]&15]), 1
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(out, high), low), size
	}
	return appendUnit(out, r), size
}

const digits = "0123456789abcdef"

// appendUnit appends a UTF-16 unit as \uNNNN.
func appendUnit(out []byte, r rune) []byte {
	return append(out, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
