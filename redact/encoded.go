package redact

import "strings"

// maxEncodings is how many times percent-encoding is undone. With each time a hostile text is read once more.
const maxEncodings = 2

// encodedRun is the percent-encoded part of a text around the percent sign at i, if a key or a URL may be in it.
func encodedRun(text string, i int) place {
	sign := strings.TrimPrefix(text[i+1:], "25") // the percent sign may be encoded itself
	if !beginsFold(sign, "3d") && !beginsFold(sign, "3a") {
		return place{}
	}
	run := place{i, i + 1}
	for run.from > max(0, i-maxFlag) && isEncoded(text[run.from-1]) {
		run.from--
	}
	for run.to < len(text) && isEncoded(text[run.to]) {
		run.to++
	}
	return run
}

// isEncoded reports whether c may stand in a percent-encoded text.
func isEncoded(c byte) bool { return isToken(c) || strings.IndexByte("%~!*+$/", c) >= 0 }

// decode undoes the percent-encoding of s. Byte j of plain was at s[at[j]]; at has one more, for the end.
func decode(s string) (plain string, at []int) {
	out := make([]byte, 0, len(s))
	at = make([]int, 0, len(s)+1)
	for j := 0; j < len(s); j++ {
		at = append(at, j)
		if s[j] == '%' && j+2 < len(s) && isHex(s[j+1]) && isHex(s[j+2]) {
			out = append(out, hexValue(s[j+1])<<4|hexValue(s[j+2]))
			j += 2
			continue
		}
		out = append(out, s[j])
	}
	return string(out), append(at, len(s))
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'f' }

func hexValue(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}
