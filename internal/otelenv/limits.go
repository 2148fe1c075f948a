package otelenv

import (
	"fmt"
	"math"
)

// Backspan's own spans need these limits: a UUID and the names of phases and operations must be whole, every attribute
// must be there, and the event of a wait. The SDK applies one limit to all spans of a provider.
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
	needed      int // by Backspan's spans; -1 as a value means no limit
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

func (s *Settings) readLimits() {
	for _, limit := range limits {
		v := fromEnv(limit.name)
		if !v.isSet() {
			continue
		}
		n, err := v.number(limit.least, limit.most)
		if err == nil && n >= 0 && n < limit.needed {
			err = v.bad(fmt.Sprintf("%d or more, or -1 for no limit: with less, spans lose what the event log is made of",
				limit.needed), nil)
		}
		if err != nil {
			s.SDKErrs = append(s.SDKErrs, err)
		}
	}
}
