package telemetry

import "math"

// limits are the numbers that the SDK reads by itself. It takes a default for what is no number, and panics on a
// negative queue.
var limits = []struct {
	name        string
	least, most int
}{
	{"OTEL_BSP_SCHEDULE_DELAY", 1, math.MaxInt32},
	{"OTEL_BSP_EXPORT_TIMEOUT", 0, math.MaxInt32},
	{"OTEL_BSP_MAX_QUEUE_SIZE", 1, 1 << 20}, // allocated at once, 16 bytes a span
	{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 1 << 20},
	{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", -1, math.MaxInt32},
	{"OTEL_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32},
	{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", -1, math.MaxInt32},
	{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32},
	{"OTEL_SPAN_EVENT_COUNT_LIMIT", -1, math.MaxInt32},
	{"OTEL_SPAN_LINK_COUNT_LIMIT", -1, math.MaxInt32},
	{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32},
	{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", -1, math.MaxInt32},
}

func checkLimits() error {
	for _, limit := range limits {
		s := fromEnv(limit.name)
		if !s.isSet() {
			continue
		}
		if _, err := s.number(limit.least, limit.most); err != nil {
			return err
		}
	}
	return nil
}
