package eventquery

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timeLayouts are the spellings of a point in time that ParseTime knows; those without a zone are local.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04Z07:00", "2006-01-02 15:04", "2006-01-02",
}

const timeExamples = `2026-11-23T17:00:00Z, "2026-11-23 17:00", 2026-11-23, 17:00 (the last), ` +
	`now, yesterday, 90m, 1d12h or 1w (ago), 1795453200 (since 1970)`

// ParseTime reads a point in time: RFC 3339; a local date with or without a time of day; a local time of day, which is
// the last one; now; yesterday and today, which begin at midnight; seconds since 1970; or a duration, which is that
// long before now. A local time that a change of the clock left out or had twice is an error.
func ParseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range timeLayouts {
		t, err := time.ParseInLocation(layout, text, now.Location())
		year := t.UTC().Year()
		if err != nil || year < 0 || year > 9999 { // times are compared as texts of four digits
			continue
		}
		if strings.Contains(layout, "Z07") {
			return t, nil
		}
		if layout == time.DateOnly { // the day begins when it does, also where no clock shows its midnight
			return t, nil
		}
		return t, unambiguous(t, text, layout)
	}
	if t, ok, err := lastClock(text, now); ok {
		return t, err
	}
	switch text {
	case "now":
		return now, nil
	case "today":
		return midnight(now, 0), nil
	case "yesterday":
		return midnight(now, -1), nil
	}
	if epoch.MatchString(text) {
		whole, fraction, _ := strings.Cut(text, ".")
		seconds, err := strconv.ParseInt(whole, 10, 64)
		nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64) // digits, as epoch says
		return time.Unix(seconds, nanos).In(now.Location()), err
	}
	if d, err := parseAgo(text); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time, want for example %s", text, timeExamples)
}

// epoch are the seconds since 1970, from the year 2001 to 2286.
var epoch = regexp.MustCompile(`^[0-9]{10}(\.[0-9]{1,9})?$`)

func midnight(now time.Time, days int) time.Time {
	year, month, day := now.Date()
	return time.Date(year, month, day+days, 0, 0, 0, 0, now.Location())
}

// lastClock reads a local time of day, which is the last one that is not after now. ok says whether text is one.
func lastClock(text string, now time.Time) (t time.Time, ok bool, err error) {
	for _, layout := range []string{"15:04:05", "15:04"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		on := func(days int, zone *time.Location) time.Time {
			year, month, day := now.Date()
			hour, minute, second := clock.Clock()
			return time.Date(year, month, day+days, hour, minute, second, clock.Nanosecond(), zone)
		}
		days := 0
		if on(0, now.Location()).After(now) {
			days = -1
		}
		const layout = "2006-01-02 15:04:05.999999999"
		t = on(days, now.Location())
		return t, true, unambiguous(t, on(days, time.UTC).Format(layout), layout)
	}
	return t, false, nil
}

// unambiguous is an error when the clocks of t's zone showed text, in layout, at another time too, or never.
func unambiguous(t time.Time, text, layout string) error {
	local, err := time.Parse(layout, text)
	if err != nil {
		return err
	}
	var at []time.Time // when clocks showed text
	for _, near := range []time.Time{t.Add(-24 * time.Hour), t.Add(24 * time.Hour)} {
		_, offset := near.Zone()
		is := local.Add(-time.Duration(offset) * time.Second).In(t.Location())
		if _, o := is.Zone(); o == offset && !slices.ContainsFunc(at, is.Equal) {
			at = append(at, is)
		}
	}
	switch len(at) {
	case 1:
		return nil
	case 0:
		return fmt.Errorf("%q did not happen: the clocks were set forward over it", text)
	}
	slices.SortFunc(at, time.Time.Compare)
	return fmt.Errorf("%q happened twice, as the clocks were set back: want %q or %q",
		text, at[0].Format(secondLayout), at[1].Format(secondLayout))
}

// ParseRange reads the bounds --since and --until; an empty text is no bound. A time of day as until is the first one
// after since, so that 23:00 to 01:00 is a range at any hour.
func ParseRange(since, until string, now time.Time) (from, to time.Time, err error) {
	if since != "" {
		if from, err = ParseTime(since, now); err != nil {
			return from, to, fmt.Errorf("--since: %w", err)
		}
	}
	if until == "" {
		return from, to, nil
	}
	if to, err = ParseTime(until, now); err != nil {
		return from, to, fmt.Errorf("--until: %w", err)
	}
	if !from.IsZero() && !from.Before(to) {
		_, clock, _ := lastClock(until, now)
		if next := to.AddDate(0, 0, 1); clock && from.Before(next) {
			return from, next, nil
		}
		return from, to, fmt.Errorf("--until %q is not after --since %q, so nothing is in between", until, since)
	}
	return from, to, nil
}

// duration is one part of a duration: a number and its unit.
var duration = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(w|d|h|ms|m|s|us|µs|ns)`)

var units = map[string]time.Duration{
	"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second,
	"ms": time.Millisecond, "us": time.Microsecond, "µs": time.Microsecond, "ns": time.Nanosecond,
}

var errNoDuration = errors.New("no duration, want for example 90m, 1d12h or 1w")

// parseAgo is time.ParseDuration without a sign, but knows days and weeks.
func parseAgo(text string) (sum time.Duration, err error) {
	if text == "0" {
		return 0, nil
	}
	if text == "" {
		return 0, errNoDuration
	}
	for text != "" {
		part := duration.FindStringSubmatch(text)
		if part == nil {
			return 0, errNoDuration
		}
		n, err := strconv.ParseFloat(part[1], 64)
		if n *= float64(units[part[2]]); err != nil || n+float64(sum) >= math.MaxInt64/2 {
			return 0, errNoDuration
		}
		sum += time.Duration(n)
		text = text[len(part[0]):]
	}
	return sum, nil
}
