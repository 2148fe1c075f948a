//go:build unix

package child_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
)

func ExampleCommand_Run() {
	r := child.Command{
		Args:   []string{"sh", "-c", "echo working; echo no such table >&2; exit 3"},
		Stdout: os.Stdout,
		Tail:   4096,
		Grace:  10 * time.Second,
	}.Run(context.Background())
	fmt.Printf("%v: %s", r, r.Tail)
	// Output:
	// working
	// exit code 3: no such table
}

// A command that takes too long is ended together with all that it started.
func ExampleCommand_Run_timeout() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	r := child.Command{Args: []string{"sh", "-c", "sleep 1000 & sleep 1000"}, Grace: time.Second}.Run(ctx)
	fmt.Println(r.Stopped, r.Code())
	// Output: true 124
}
