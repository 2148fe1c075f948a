package telemetry

import (
	"context"
	"net"
	"time"

	"github.com/backspan/backspan/internal/otelenv"
)

// An ExportState says whether spans are exported, and why not.
type ExportState int

// The states of export.
const (
	ExportDisabled ExportState = iota // OTEL_SDK_DISABLED: there are no spans at all
	ExportOn                          // to Destination.Endpoint
	ExportDeclined                    // Config.NoExport, or Config.Exporter is none
	ExportNone                        // OTEL_TRACES_EXPORTER=none
	ExportNotFound                    // Config.Discover: nothing listens at Destination.Endpoint
)

// A Destination is where spans are exported to.
type Destination struct {
	State    ExportState
	Endpoint string // a URL, unix: and a path, or console; empty when none was chosen
	Protocol string // grpc, http/protobuf, http/json or console; empty when nothing is exported
}

// String is one line for a person: where spans go, or why they do not.
func (d Destination) String() string {
	switch d.State {
	case ExportOn:
		if d.Protocol == "console" {
			return "spans are printed"
		}
		return "spans go to " + d.Endpoint + " (" + d.Protocol + ")"
	case ExportDeclined:
		return "spans are not exported"
	case ExportNone:
		return "spans are not exported: OTEL_TRACES_EXPORTER is none"
	case ExportNotFound:
		return "spans are not exported: no collector at " + d.Endpoint
	default:
		return "there are no spans: OTEL_SDK_DISABLED is true"
	}
}

// chooseDestination says where spans go. When it looks for a collector on this machine, env.Target is what it found.
func chooseDestination(ctx context.Context, cfg Config, env *otelenv.Settings) Destination {
	switch {
	case cfg.NoExport, cfg.Exporter != "" && env.Exporter.Value == otelenv.ExporterNone:
		return Destination{State: ExportDeclined}
	case env.Exporter.Value == otelenv.ExporterNone:
		return Destination{State: ExportNone}
	case env.Exporter.Value == otelenv.ExporterConsole:
		return Destination{ExportOn, "console", "console"}
	}
	if cfg.Discover && env.Endpoint.From == "" {
		if cfg.discoverAt != "" {
			env.Target.Address = cfg.discoverAt
		}
		if !listens(ctx, env.Target.Address) {
			return Destination{State: ExportNotFound, Endpoint: env.Target.String()}
		}
	}
	return Destination{ExportOn, env.Target.String(), env.Target.Protocol}
}

// discoverTimeout is ample for a port of this machine, and too short for a person to notice.
const discoverTimeout = 200 * time.Millisecond

// listens reports whether something accepts connections at address.
func listens(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: discoverTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}
