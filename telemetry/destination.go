package telemetry

import (
	"context"
	"net"
	"time"
)

// An ExportState says whether spans are exported, and if not, why.
type ExportState int

// The states of export.
const (
	ExportDisabled ExportState = iota // OTEL_SDK_DISABLED: there are no spans at all
	ExportOn                          // to Destination.Endpoint
	ExportDeclined                    // Config.NoExport
	ExportNone                        // OTEL_TRACES_EXPORTER=none
	ExportNotFound                    // Config.Discover found no collector at Destination.Endpoint
)

// A Destination is where spans go.
type Destination struct {
	State    ExportState
	Endpoint string // a URL, unix: and a path, or "console"; empty when there is nothing to talk to
	Protocol string // a Protocol constant; empty when nothing is exported
}

// String is one line for a person: where spans go, or why they do not.
func (d Destination) String() string {
	switch d.State {
	case ExportOn:
		if d.Protocol == ProtocolConsole {
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

// discoverTimeout is ample for this machine's own ports and short for a person.
const discoverTimeout = 200 * time.Millisecond

// listens says whether something accepts connections at address.
func listens(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: discoverTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	// What it says to a connection that is closed at once is of no interest.
	_ = conn.Close()
	return true
}
