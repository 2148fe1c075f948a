//go:build unix

package steps

import (
	"errors"
	"fmt"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// What stop_on names, and what retry_on does not, is not mended by the recovery of the phase either.
func TestAnEndThatIsNotRetriedIsFinalForThePhaseToo(t *testing.T) {
	for _, c := range []struct {
		retry      string
		recoveries int
		reason     error
	}{
		{"{max_retries: 1, base_delay: 0}", 2, retry.ErrExhausted},
		{"{max_retries: 1, base_delay: 0, retry_on: 7}", 2, retry.ErrExhausted},
		{"{max_retries: 1, base_delay: 0, retry_on: 8}", 0, retry.ErrPermanent},
		{"{max_retries: 1, base_delay: 0, stop_on: 7}", 0, retry.ErrPermanent},
	} {
		const text = "name: n\nrecovery: {max_retries: 2, base_delay: 0}\nphases:\n  - name: a\n    steps: [{name: s, run: exit 7, retry: %s}]\n"
		file, err := pipefile.Parse("f", fmt.Appendf(nil, text, c.retry))
		if err != nil {
			t.Fatal(err)
		}
		ctx, rec := retrytest.Record(t, t.Context())
		r := &Runner{}
		report, err := r.Pipeline(file).Run(ctx, orchestrator.Options{EnableRecovery: true})
		recoveries := 0
		if recovery := report.Phases[0].Recovery; recovery != nil {
			recoveries = len(recovery.Attempts)
		}
		failure, ok := errors.AsType[*retry.Error](err)
		if !ok || failure.Reason != c.reason || recoveries != c.recoveries {
			t.Errorf("%s: %d recoveries, error %v; want %d, %v\n%s",
				c.retry, recoveries, err, c.recoveries, c.reason, rec.Tree())
		}
	}
}
