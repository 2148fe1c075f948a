package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	serviceNameKey    = attribute.Key("service.name")
	serviceVersionKey = attribute.Key("service.version")
)

// newResource says who sends the spans. The name comes from Config.Service, else OTEL_SERVICE_NAME, else
// OTEL_RESOURCE_ATTRIBUTES, else it is the program's.
func newResource(ctx context.Context, cfg Config) (*resource.Resource, error) {
	variable := fromEnv("OTEL_RESOURCE_ATTRIBUTES")
	named, err := checkResourceAttributes(variable)
	if err != nil {
		return nil, err
	}
	var own []attribute.KeyValue
	switch {
	case cfg.Service != "":
		own = append(own, serviceNameKey.String(cfg.Service))
	case !named && !fromEnv("OTEL_SERVICE_NAME").isSet():
		own = append(own, serviceNameKey.String(programName()))
	}
	if cfg.ServiceVersion != "" {
		own = append(own, serviceVersionKey.String(cfg.ServiceVersion))
	}
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithFromEnv(), resource.WithAttributes(own...))
	if err != nil {
		return nil, fmt.Errorf("telemetry: resource: %w", err)
	}
	return r, nil
}

// checkResourceAttributes finds what the SDK would drop or keep garbled, and says whether the service is named.
func checkResourceAttributes(s setting) (named bool, err error) {
	if !s.isSet() {
		return false, nil
	}
	const want = "name=value pairs with commas between them, special characters in values written as %XX"
	for pair := range strings.SplitSeq(s.value, ",") {
		key, value, found := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		if !found || key == "" {
			return false, s.bad(want, fmt.Errorf("%q is no pair", strings.TrimSpace(pair)))
		}
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil {
			return false, s.bad(want, err)
		}
		if key == string(serviceNameKey) && value == "" {
			return false, s.bad(want, errors.New("service.name is empty"))
		}
		named = named || key == string(serviceNameKey)
	}
	return named, nil
}

func programName() string {
	if len(os.Args) == 0 || os.Args[0] == "" {
		return "unknown_service"
	}
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
}
