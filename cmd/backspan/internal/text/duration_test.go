package text

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testdata/durations.txt is also what the test of the page holds its script to.
func TestDuration(t *testing.T) {
	table, err := os.ReadFile("testdata/durations.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		us, want, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.ParseInt(us, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := Duration(time.Duration(n) * time.Microsecond)
		if got != want {
			t.Errorf("%sµs: %q, want %q", us, got, want)
		}
		if Width(got) > 7 {
			t.Errorf("%sµs: %q takes more than 7 columns", us, got)
		}
	}
	if got := Duration(-time.Second); got != "0s" {
		t.Errorf("a negative duration is %q, want 0s", got)
	}
}

// Numbers of seconds come from files.
func TestSeconds(t *testing.T) {
	for seconds, want := range map[float64]string{
		0.25: "250ms", 63: "1m3s", -1: "0s", 1e300: "53376d", math.Inf(1): "53376d",
	} {
		if got := Seconds(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
	if got := Seconds(math.NaN()); got != "0s" {
		t.Errorf("NaN seconds are %q, want 0s", got)
	}
}

func TestCountdown(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0s", 3990 * time.Millisecond: "4.0s", 63 * time.Second: "1m3s",
	} {
		if got := Countdown(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int64]string{0: "0 recoveries", 1: "1 recovery", 2: "2 recoveries"} {
		if got := Plural(n, "recovery", "recoveries"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// What was configured is not rounded: it is compared with other values.
func TestExact(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Hour: "1h", 10 * time.Minute: "10m", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
		2001 * time.Millisecond: "2.001s", 20 * time.Second: "20s", -time.Hour: "-1h",
	} {
		if got := Exact(d); got != want {
			t.Errorf("%d ns: %q, want %q", d, got, want)
		}
	}
}
