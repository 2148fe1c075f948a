package doctor

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Each test sets the variables that it needs. Those of the machine are removed.
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "OTEL_") || name == "TRACEPARENT" {
			if err := os.Unsetenv(name); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // the findings have the errors
	goleak.VerifyTestMain(m)
}
