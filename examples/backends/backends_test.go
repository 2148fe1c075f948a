// Package backends_test checks what the examples of this module print.
package backends_test

import (
	"testing"

	"github.com/backspan/backspan/examples/internal/printed"
)

func TestExamplesPrintWhatTheySay(t *testing.T) { printed.Check(t) }
