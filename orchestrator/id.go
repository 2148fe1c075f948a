package orchestrator

import (
	"crypto/rand"
	"encoding/hex"
)

// newID returns a random UUID (version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its contract
	return uuid(b, 4)
}

// uuid writes b as a UUID of the given version (RFC 9562).
func uuid(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	at := 0
	for i, part := range [...][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			text[at] = '-'
			at++
		}
		hex.Encode(text[at:], b[part[0]:part[1]])
		at += 2 * (part[1] - part[0])
	}
	return string(text[:])
}
