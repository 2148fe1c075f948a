package drawn

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// counted is what a summary says, in a line.
func counted(s *session.Summary) string {
	o, t := &s.Operations, s.Operations.Time
	return fmt.Sprintf(
		"%d operations, %d attempts, %d failed, %d retried, %v; %d phases, %v; %v working, %v lost, %v waiting, %v rest of %v",
		o.Runs, o.Attempts, o.Failures, o.Retried, o.Ended, s.Phases.Runs, s.Phases.Ended, t.Working, t.Lost, t.Waiting,
		t.Rest, s.Elapsed)
}

func TestSummary(t *testing.T) {
	for scenario, want := range map[string]string{
		"healthy":   "4 operations, 4 attempts, 0 failed, 0 retried, map[success:4]; 3 phases, map[success:3]; 172ms working, 0s lost, 0s waiting, 0s rest of 172ms",
		"flaky":     "5 operations, 13 attempts, 9 failed, 5 retried, map[exhausted:1 recovered:4]; 3 phases, map[recovered:1 success:2]; 399ms working, 859ms lost, 4.25s waiting, 0s rest of 5.508s",
		"outage":    "4 operations, 16 attempts, 16 failed, 4 retried, map[exhausted:4]; 3 phases, map[failed:1 skipped:2]; 0s working, 36ms lost, 21s waiting, 0s rest of 21.036s",
		"permanent": "1 operations, 1 attempts, 1 failed, 0 retried, map[permanent:1]; 2 phases, map[failed:1 skipped:1]; 0s working, 25ms lost, 0s waiting, 0s rest of 25ms",
		"cancelled": "1 operations, 1 attempts, 1 failed, 0 retried, map[cancelled:1]; 1 phases, map[failed:1]; 0s working, 124ms lost, 700ms waiting, 0s rest of 824ms",
		"nested":    "3 operations, 6 attempts, 4 failed, 3 retried, map[exhausted:1 recovered:2]; 0 phases, map[]; 103ms working, 303ms lost, 2.6s waiting, 0s rest of 3.006s",
		"fallback":  "0 operations, 0 attempts, 0 failed, 0 retried, map[]; 1 phases, map[fell_back:1]; 70ms working, 140ms lost, 400ms waiting, 0s rest of 610ms",
	} {
		if got := counted(session.New(record(t, scenario)).Summary()); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", scenario, got, want)
		}
	}
}

// When two operations run side by side, only the time in which both wait is waiting, and the time in which both work
// counts once.
func TestSummaryOfParallelOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := session.NewRecorder(0)
		e := newEngine(t, rec)
		done := make(chan struct{})
		// waits from 100 to 400
		go func() {
			defer close(done)
			err := e.operation(t.Context(), "a", "", call{lasts: ms(100), fails: "no", wait: ms(300)},
				call{lasts: ms(100)})
			if err != nil {
				t.Errorf("a: %v", err)
			}
		}()
		// works until 250, waits until 350
		err := e.operation(t.Context(), "b", "", call{lasts: ms(250), fails: "no", wait: ms(100)}, call{lasts: ms(10)})
		if err != nil {
			t.Errorf("b: %v", err)
		}
		<-done
		got := session.New(rec.Spans()).Summary()
		// They fail from 0 to 250, and succeed from 350 to 360 and from 400 to 500.
		want := session.Account{Working: ms(110), Lost: ms(250), Waiting: ms(140)}
		if got.Operations.Time != want || got.Elapsed != ms(500) {
			t.Errorf("got %+v of %v, want %+v of 500ms", got.Operations.Time, got.Elapsed, want)
		}
	})
}
