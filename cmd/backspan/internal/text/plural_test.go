package text

import "testing"

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1204: "1,204", 12345: "12,345", 1234567: "1,234,567", -123: "-123", -1204: "-1,204",
	} {
		if got := Number(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
