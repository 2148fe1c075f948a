package redact

// pairs is a set of two bytes that stand side by side, in any case. It is small, and one look at it tells most texts
// from those in which something has to be compared. It may have more bytes in it than were added, but no letters.
type pairs [32]uint32

// add adds the two bytes before text[end].
func (p *pairs) add(text string, end int) { p[text[end-1]&31] |= 1 << (text[end-2] & 31) }

// before reports whether the two bytes before text[end] may have been added.
func (p *pairs) before(text string, end int) bool {
	return end >= 2 && p[text[end-1]&31]>>(text[end-2]&31)&1 != 0
}
