package otelenv

import (
	"fmt"
	"math"
)

// limits are the numbers that the SDK reads by itself, for all spans of a provider. It takes a default for what is no
// number, and panics on a negative queue. Backspan's own spans need the names of phases and operations whole, all their
// attributes, and the event of a wait.
var limits = []struct {
	name        string
	least, most int
	needed      int // by Backspan's spans; -1 as a value means no limit
}{
	{"OTEL_BSP_SCHEDULE_DELAY", 1, math.MaxInt32, 0},
	{"OTEL_BSP_EXPORT_TIMEOUT", 0, math.MaxInt32, 0},
	{"OTEL_BSP_MAX_QUEUE_SIZE", 1, 1 << 20, 0}, // allocated at once, 16 bytes a span
	{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 1 << 20, 0},
	{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", -1, math.MaxInt32, 256},
	{"OTEL_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, 32},
	{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", -1, math.MaxInt32, 256},
	{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, 32},
	{"OTEL_SPAN_EVENT_COUNT_LIMIT", -1, math.MaxInt32, 1},
	{"OTEL_SPAN_LINK_COUNT_LIMIT", -1, math.MaxInt32, 0},
	{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, 0},
	{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32, 0},
}

// What the SDK's batch processor takes when nothing is configured.
const (
	defaultQueueSize = 2048
	defaultBatchSize = 512
)

func (s *Settings) readLimits() {
	s.QueueSize, s.BatchSize = defaultQueueSize, defaultBatchSize
	for _, limit := range limits {
		v := fromEnv(limit.name)
		if !v.isSet() {
			continue
		}
		n, err := v.number(limit.least, limit.most)
		if err == nil && n >= 0 && n < limit.needed {
			const want = "%d or more, or -1 for no limit: with less, spans lose what the event log is made of"
			err = v.bad(fmt.Sprintf(want, limit.needed), nil)
		}
		if err != nil {
			s.SDKErrs = append(s.SDKErrs, err)
			continue
		}
		switch limit.name {
		case "OTEL_BSP_MAX_QUEUE_SIZE":
			s.QueueSize = n
		case "OTEL_BSP_MAX_EXPORT_BATCH_SIZE":
			s.BatchSize = n
		}
	}
	s.BatchSize = min(s.BatchSize, s.QueueSize)
}
