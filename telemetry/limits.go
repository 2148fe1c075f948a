package telemetry

import (
	"fmt"
	"math"
)

// What Backspan's own spans need: a UUID and names of phases and operations whole, all attributes, and the event of a
// wait. The limits are those of every span of the provider; there are none for some spans alone.
const (
	neededLength     = 256
	neededAttributes = 32
	neededEvents     = 1
)

// limits are the numbers that the SDK reads by itself. It takes a default for what is no number, and panics on a
// negative queue.
var limits = []struct {
	name        string
	least, most int
	needed      int // by Backspan's own spans, which the event log reads; -1 as a value means no limit
}{
	{"OTEL_BSP_SCHEDULE_DELAY", 1, math.MaxInt32, 0},
	{"OTEL_BSP_EXPORT_TIMEOUT", 0, math.MaxInt32, 0},
	{"OTEL_BSP_MAX_QUEUE_SIZE", 1, 1 << 20, 0}, // allocated at once, 16 bytes a span
	{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 1 << 20, 0},
	{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", -1, math.MaxInt32, neededLength},
	{"OTEL_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, neededAttributes},
	{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", -1, math.MaxInt32, neededLength},
	{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, neededAttributes},
	{"OTEL_SPAN_EVENT_COUNT_LIMIT", -1, math.MaxInt32, neededEvents},
	{"OTEL_SPAN_LINK_COUNT_LIMIT", -1, math.MaxInt32, 0},
	{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, 0},
	{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, 0},
}

func checkLimits() error {
	for _, limit := range limits {
		s := fromEnv(limit.name)
		if !s.isSet() {
			continue
		}
		n, err := s.number(limit.least, limit.most)
		if err != nil {
			return err
		}
		if n >= 0 && n < limit.needed {
			return s.bad(fmt.Sprintf("%d or more, or -1 for no limit: with less, spans lose what the event log is made of", limit.needed), nil)
		}
	}
	return nil
}
