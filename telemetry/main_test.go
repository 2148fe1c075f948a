package telemetry

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// The tests set the variables that they are about; what the machine has set must not reach them.
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
