//go:build unix

package command_test

import (
	"context"
	"fmt"
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/retry"
)

func Example() {
	var ends command.Ends
	if err := ends.Set("3, 70-79"); err != nil {
		fmt.Println(err)
		return
	}
	policy := command.Policy{StopOn: &ends}
	resolved := policy.Resolve(0)
	resolved.Retryable = policy.Retryable

	env := command.NewEnvironment(os.Environ())
	err := retry.Do(context.Background(), "load", resolved, func(ctx context.Context) error {
		env.SetAttempt(ctx, "session", "")
		const script = `echo "attempt $BACKSPAN_ATTEMPT"; echo no such table >&2; exit 3`
		process := child.Command{Args: []string{"sh", "-c", script}, Env: env.List(), Stdout: os.Stdout}
		command.HoldStderr(&process, false)
		_, err := command.Run(ctx, process, resolved.AttemptTimeout)
		return err
	})
	fmt.Println(err)
	// Output:
	// attempt 1
	// load: not retryable after 1 attempt: exit code 3: no such table
}
