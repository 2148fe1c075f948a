package text

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Duration writes d in at most 7 columns for anything below 1000 days: 0s, 0.35ms, 35ms, 2.8s, 1m3s, 2h5m, 3d4h. A
// negative d counts as 0. The script of the page has the same function; testdata/durations.txt holds both to one table.
func Duration(d time.Duration) string {
	ms, s := float64(d)/1e6, d.Seconds()
	switch {
	case d <= 0:
		return "0s"
	case ms < 0.01:
		return "<0.01ms"
	case ms < 9.995:
		return short("%.2f", ms) + "ms"
	case ms < 999.5:
		return fmt.Sprintf("%.0fms", ms)
	case s < 9.995:
		return short("%.2f", s) + "s"
	case s < 59.95:
		return short("%.1f", s) + "s"
	case s < 3599.5:
		return twoUnits(d, time.Minute, "m", time.Second, "s")
	case s < 86370:
		return twoUnits(d, time.Hour, "h", time.Minute, "m")
	}
	return twoUnits(d, 24*time.Hour, "d", time.Hour, "h")
}

// Exact writes a duration that somebody configured, to its last digit: 1h, 1m30s, 2.001s.
func Exact(d time.Duration) string {
	text := d.String()
	if minutes, whole := strings.CutSuffix(text, "m0s"); whole {
		text = minutes + "m"
	}
	if hours, whole := strings.CutSuffix(text, "h0m"); whole {
		text = hours + "h"
	}
	return text
}

// Seconds writes a number of seconds as Duration does.
func Seconds(seconds float64) string {
	return Duration(time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2)))
}

// Countdown writes d to the tenth of a second, so that a redrawn line is seen to move.
func Countdown(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return Duration(d)
}

// short writes f without trailing zeros.
func short(format string, f float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf(format, f), "0"), ".")
}

func twoUnits(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	d = d.Round(small)
	text := fmt.Sprintf("%d%s", d/big, bigName)
	if rest := d % big / small; rest > 0 {
		text += fmt.Sprintf("%d%s", rest, smallName)
	}
	return text
}
