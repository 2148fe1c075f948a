//go:build !linux

package telemetry

import "net/netip"

// checkListener takes every listener: the system does not tell whose it is.
func checkListener(netip.AddrPort) error { return nil }
