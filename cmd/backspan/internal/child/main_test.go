package child

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asHelper makes the test binary a program that runs a command with the terminal, as tests with terminals need one.
const asHelper = "BACKSPAN_CHILD_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(asHelper) {
	case "run":
		_ = os.Unsetenv(asHelper) // it is set, so it can be unset
		r := Command{
			Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			Tail: 1000, Grace: 10 * time.Second, Terminal: true,
		}.Run(context.Background())
		fmt.Printf("[%v, held %v, tail %q]\r\n", r, r.Held, r.Tail)
		os.Exit(r.Code())
	default:
		goleak.VerifyTestMain(m)
	}
}
