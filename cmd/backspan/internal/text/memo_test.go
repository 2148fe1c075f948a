package text

import (
	"strconv"
	"strings"
	"testing"
)

func TestAMemoAsksOnceAndForgets(t *testing.T) {
	asked := 0
	m := Remember(func(s string) string {
		asked++
		return "made of " + s
	})
	for range 3 {
		if got := m.Of("a"); got != "made of a" || asked != 1 {
			t.Fatalf("got %q, asked %d times; want once", got, asked)
		}
	}
	long := strings.Repeat("x", maxRemembered+1)
	if m.Of(long); len(m.known) != 1 {
		t.Errorf("a text of %d bytes is remembered", len(long))
	}
	for i := range 10 * maxMemo {
		m.Of(strconv.Itoa(i))
		if len(m.known) > maxMemo {
			t.Fatalf("%d texts are remembered, want %d at most", len(m.known), maxMemo)
		}
	}
}
