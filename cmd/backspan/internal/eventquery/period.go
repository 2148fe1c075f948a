package eventquery

import (
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// A Period is the time from the earliest record to the latest, as their timestamps tell it.
type Period struct{ first, last []byte }

// Add adds the time of a record.
func (p *Period) Add(l *events.Line) {
	at := l.Timestamp()
	if len(at) < 2 {
		return
	}
	text := at[1 : len(at)-1]
	if len(p.first) == 0 || string(text) < string(p.first) {
		p.first = append(p.first[:0], text...)
	}
	if string(text) > string(p.last) {
		p.last = append(p.last[:0], text...)
	}
}

// Merge adds another Period, which is not to be used any more.
func (p *Period) Merge(o *Period) {
	if len(p.first) == 0 || len(o.first) > 0 && string(o.first) < string(p.first) {
		p.first = o.first
	}
	if string(o.last) > string(p.last) {
		p.last = o.last
	}
}

// In says it to a person, with times in zone: "from … to …".
func (p *Period) In(zone *time.Location) string {
	return betweenTimes(string(p.first), string(p.last), zone)
}

// betweenTimes says from when to when something was, with times in zone.
func betweenTimes(first, last string, zone *time.Location) string {
	if first == last {
		return "of " + short(first, zone)
	}
	return "from " + short(first, zone) + " to " + short(last, zone)
}

// secondLayout is a time to the second, as --since reads it.
const secondLayout = "2006-01-02 15:04:05Z07:00"

// short is a timestamp to the second in zone.
func short(timestamp string, zone *time.Location) string {
	t, err := time.Parse(time.RFC3339Nano, timestamp)
	if err != nil {
		return text.Line(timestamp)
	}
	return t.In(zone).Format(secondLayout)
}
