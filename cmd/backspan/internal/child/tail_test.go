package child

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	const size = 100
	random := rand.New(rand.NewPCG(1, 2))
	keep := tail{max: size}
	var all strings.Builder
	for range 1000 {
		piece := strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(2*size))
		_, _ = keep.Write([]byte(piece))
		all.WriteString(piece)
		want := all.String()
		want = want[max(0, len(want)-size):]
		if got := keep.String(); got != want {
			t.Fatalf("after %d bytes the tail is %q, want %q", all.Len(), got, want)
		}
	}
	if cap(keep.buf) > 3*size {
		t.Errorf("%d bytes are held for %d", cap(keep.buf), size)
	}
}
