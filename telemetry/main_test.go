package telemetry

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// Each test sets the variables that it needs. Those of the machine are removed.
func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "BACKSPAN_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	goleak.VerifyTestMain(m)
}

// quoted is value as a FieldError has it.
func quoted(value string) string {
	if value == "" {
		return ""
	}
	return strconv.Quote(value)
}
