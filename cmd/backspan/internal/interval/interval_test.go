package interval

import (
	"fmt"
	"testing"
	"time"
)

// list makes intervals of pairs of seconds.
func list(seconds ...int) (l []Interval) {
	for i := 0; i+1 < len(seconds); i += 2 {
		l = append(l, Interval{time.Unix(int64(seconds[i]), 0), time.Unix(int64(seconds[i+1]), 0)})
	}
	return l
}

func text(l []Interval) string {
	var seconds []int64
	for _, v := range l {
		seconds = append(seconds, v.From.Unix(), v.To.Unix())
	}
	return fmt.Sprint(seconds)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ list, want []Interval }{
		{nil, nil},
		{list(5, 6, 1, 2), list(1, 2, 5, 6)},
		{list(1, 3, 2, 4), list(1, 4)},
		{list(1, 9, 2, 4), list(1, 9)},
		{list(2, 3, 1, 2), list(1, 3)},
		{list(4, 4, 1, 2), list(1, 2, 4, 4)},
	} {
		before := text(c.list)
		if got := text(Merge(c.list)); got != text(c.want) {
			t.Errorf("of %s: got %s, want %s", before, got, text(c.want))
		}
	}
}

func TestSubtract(t *testing.T) {
	for _, c := range []struct{ a, b, want []Interval }{
		{nil, list(1, 2), nil},
		{list(1, 9), nil, list(1, 9)},
		{list(1, 9), list(3, 4), list(1, 3, 4, 9)},
		{list(1, 9), list(0, 2, 8, 12), list(2, 8)},
		{list(1, 9), list(0, 12), nil},
		{list(1, 3, 5, 7), list(2, 6), list(1, 2, 6, 7)},
		{list(1, 3, 5, 7, 8, 9), list(0, 1, 3, 5, 6, 10), list(1, 3, 5, 6)},
	} {
		if got := text(Subtract(c.a, c.b)); got != text(c.want) {
			t.Errorf("%s without %s: got %s, want %s", text(c.a), text(c.b), got, text(c.want))
		}
	}
}

func TestTotal(t *testing.T) {
	if got := Total(list(1, 3, 5, 6)); got != 3*time.Second {
		t.Errorf("got %v, want 3s", got)
	}
}
