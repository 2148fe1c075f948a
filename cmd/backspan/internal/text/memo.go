package text

// A Memo remembers what a function made of texts: of most errors there are many, and to find the reason or the pattern
// of one takes longer than all else that is done with it. It is bounded, whatever it is asked.
type Memo struct {
	of    func(string) string
	known map[string]string
}

// Limits of a Memo: how long a text is that it remembers, and how many it remembers.
const (
	maxRemembered = 1 << 10
	maxMemo       = 1000
)

// Remember makes a Memo of f, which always makes the same of the same.
func Remember(f func(string) string) *Memo { return &Memo{f, map[string]string{}} }

// Of is what the function makes of s.
func (m *Memo) Of(s string) string {
	made, known := m.known[s]
	if known {
		return made
	}
	made = m.of(s)
	if len(m.known) == maxMemo {
		clear(m.known)
	}
	if len(s) <= maxRemembered {
		m.known[s] = made
	}
	return made
}
