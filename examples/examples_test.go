// Package examples_test checks what the examples print.
package examples_test

import (
	"testing"

	"github.com/backspan/backspan/examples/internal/printed"
)

func TestExamplesPrintWhatTheySay(t *testing.T) { printed.Check(t) }
