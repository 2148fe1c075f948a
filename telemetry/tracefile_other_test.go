//go:build !unix

package telemetry

import "testing"

// special are files that are not regular. These systems have none with a path.
func special(*testing.T, string) []string { return nil }
