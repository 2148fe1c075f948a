// Package command runs a shell command as one attempt of a retried operation. It is what backspan exec and the steps
// of backspan run have in common: the variables that tell the command its trace, the facts about the process on the
// attempt's span, the error of a command that fails, and the policy that says whether it is tried again.
//
//	env := command.NewEnvironment(os.Environ())
//	policy := command.Policy{RetryOn: retryOn}.Resolve(0)
//	err := retry.Do(ctx, "fetch", policy, func(ctx context.Context) error {
//		env.SetAttempt(ctx, session, phase)
//		process := child.Command{Args: args, Env: env.List(), Stdout: os.Stdout, Stderr: os.Stderr}
//		command.HoldStderr(&process, false)
//		_, err := command.Run(ctx, process, policy.AttemptTimeout)
//		return err
//	})
//
// Package child below it knows the process, and nothing of retries and spans.
package command
