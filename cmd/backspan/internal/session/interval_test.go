package session

import (
	"fmt"
	"testing"
	"time"
)

// intervals makes intervals of pairs of seconds.
func intervals(seconds ...int) (l []interval) {
	for i := 0; i+1 < len(seconds); i += 2 {
		l = append(l, interval{time.Duration(seconds[i]) * time.Second, time.Duration(seconds[i+1]) * time.Second})
	}
	return l
}

func written(l []interval) string {
	var seconds []float64
	for _, v := range l {
		seconds = append(seconds, v.from.Seconds(), v.to.Seconds())
	}
	return fmt.Sprint(seconds)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ list, want []interval }{
		{nil, nil},
		{intervals(5, 6, 1, 2), intervals(1, 2, 5, 6)},
		{intervals(1, 3, 2, 4), intervals(1, 4)},
		{intervals(1, 9, 2, 4), intervals(1, 9)},
		{intervals(2, 3, 1, 2), intervals(1, 3)},
		{intervals(4, 4, 1, 2), intervals(1, 2, 4, 4)},
	} {
		before := written(c.list)
		if got := written(merge(c.list)); got != written(c.want) {
			t.Errorf("of %s: got %s, want %s", before, got, written(c.want))
		}
	}
}

func TestSubtract(t *testing.T) {
	for _, c := range []struct{ a, b, want []interval }{
		{nil, intervals(1, 2), nil},
		{intervals(1, 9), nil, intervals(1, 9)},
		{intervals(1, 9), intervals(3, 4), intervals(1, 3, 4, 9)},
		{intervals(1, 9), intervals(0, 2, 8, 12), intervals(2, 8)},
		{intervals(1, 9), intervals(0, 12), nil},
		{intervals(1, 3, 5, 7), intervals(2, 6), intervals(1, 2, 6, 7)},
		{intervals(1, 3, 5, 7, 8, 9), intervals(0, 1, 3, 5, 6, 10), intervals(1, 3, 5, 6)},
	} {
		if got := written(subtract(c.a, c.b)); got != written(c.want) {
			t.Errorf("%s without %s: got %s, want %s", written(c.a), written(c.b), got, written(c.want))
		}
	}
}

func TestTotal(t *testing.T) {
	if got := total(intervals(1, 3, 5, 6)); got != 3*time.Second {
		t.Errorf("got %v, want 3s", got)
	}
}
