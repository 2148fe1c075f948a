package telemetry

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/backspan/backspan/internal/otelenv"
)

// An ExportState says whether spans are exported, and why not.
type ExportState int

// The states of export.
const (
	ExportDisabled   ExportState = iota // OTEL_SDK_DISABLED: there are no spans at all
	ExportOn                            // to Destination.Endpoint
	ExportDeclined                      // Config.NoExport, or Config.Exporter is none
	ExportNone                          // OTEL_TRACES_EXPORTER=none
	ExportNotFound                      // Config.Discover: nothing listens at Destination.Endpoint
	ExportNotTrusted                    // Config.Discover: what listens there may be another user's
)

// A Destination is where spans are exported to.
type Destination struct {
	State    ExportState
	Endpoint string // a URL, unix: and a path, or console; empty when none was chosen
	Protocol string // grpc, http/protobuf, http/json or console; empty when nothing is exported
	Why      string // of ExportNotTrusted: who listens there
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
	case ExportNotTrusted:
		return "spans are not exported: " + d.Endpoint + " was not named, and " + d.Why
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
		return Destination{State: ExportOn, Endpoint: "console", Protocol: "console"}
	}
	if cfg.Discover && env.Endpoint.From == "" {
		if cfg.discoverAt != "" {
			env.Target.Address = cfg.discoverAt
		}
		return discover(ctx, env.Target)
	}
	return Destination{State: ExportOn, Endpoint: env.Target.String(), Protocol: env.Target.Protocol}
}

// discoverTimeout is ample for a port of this machine, and too short for a person to notice.
const discoverTimeout = 200 * time.Millisecond

// discover looks for a collector at t, which nobody named.
func discover(ctx context.Context, t otelenv.Target) Destination {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	conn, err := dialOwn(ctx, t.Address)
	if stranger, ok := errors.AsType[strangerError](err); ok {
		return Destination{State: ExportNotTrusted, Endpoint: t.String(), Why: string(stranger)}
	}
	if err != nil {
		return Destination{State: ExportNotFound, Endpoint: t.String()}
	}
	_ = conn.Close() // nothing was sent
	return Destination{State: ExportOn, Endpoint: t.String(), Protocol: t.Protocol}
}

// A strangerError says whose a listener is that is neither this user's nor root's.
type strangerError string

func (e strangerError) Error() string { return string(e) }

// dialOwn connects to a listener of this user or of root. Whoever comes first may listen on a port: nothing is sent to
// another user, nor to whoever takes the port over later.
func dialOwn(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if at, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		if err := checkListener(at.AddrPort()); err != nil {
			_ = conn.Close() // nothing was sent
			return nil, err
		}
	}
	return conn, nil
}
