package replay

import (
	"fmt"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/retry"
)

// String is the policy in the words of a pipeline file, all that matters of it: "max_retries=2 base_delay=1s …".
func (p Policy) String() string {
	r := p.Retry.WithDefaults()
	var b strings.Builder
	switch r.MaxRetries {
	case retry.Never:
		return "max_retries=0"
	case retry.Unlimited:
		b.WriteString("max_retries=unlimited")
	default:
		fmt.Fprintf(&b, "max_retries=%d", r.MaxRetries)
	}
	if r.BaseDelay == retry.NoDelay {
		b.WriteString(" base_delay=0")
	} else {
		fmt.Fprintf(&b, " base_delay=%s max_delay=%s multiplier=%v jitter=%v",
			text.Exact(r.BaseDelay), text.Exact(r.MaxDelay), r.Multiplier, r.Jitter)
	}
	for _, limit := range []struct {
		name string
		d    time.Duration
	}{{"attempt_timeout", r.AttemptTimeout}, {"max_elapsed", r.MaxElapsed}} {
		if limit.d > 0 {
			fmt.Fprintf(&b, " %s=%s", limit.name, text.Exact(limit.d))
		}
	}
	if p.Budget > 0 {
		fmt.Fprintf(&b, " budget=%d", p.Budget)
	}
	return b.String()
}
