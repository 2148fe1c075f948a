package orchestrator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// changed is an engine that plays a history back and changes the completion with the given number.
type changed struct {
	*testEngine
	number    int
	change    func(*engine.Completion)
	delivered []engine.Completion
}

func (e *changed) Next() (engine.Completion, error) {
	c, err := e.testEngine.Next()
	if err == nil {
		if e.number == len(e.delivered) {
			e.change(&c)
		}
		e.delivered = append(e.delivered, c)
	}
	return c, err
}

// changeField changes one field of c.
func changeField(c *engine.Completion, field uint8, number int64, text string) {
	done, timer := c.Done, c.Timer
	if done == nil {
		done = &engine.Done{}
	}
	if timer == nil {
		timer = &engine.Wait{}
	}
	switch field % 23 {
	case 0:
		done.Phase = text
	case 1:
		done.Attempt = int(number)
	case 2:
		done.Fallback = !done.Fallback
	case 3:
		done.Status = text
	case 4:
		done.Output = json.RawMessage(text)
	case 5:
		done.Error = text
	case 6:
		done.ErrorType = text
	case 7:
		done.Decision.Retry = !done.Decision.Retry
	case 8:
		done.Decision.Delay = time.Duration(number)
	case 9:
		done.Decision.Reason = engine.Reason(text)
	case 10:
		done.Decision.Cause = text
	case 11:
		done.Final = !done.Final
	case 12:
		done.Err = errors.New(text)
	case 13:
		timer.Phase = text
	case 14:
		timer.Attempt = int(number)
	case 15:
		timer.Delay = time.Duration(number)
	case 16:
		timer.Reason = text
	case 17:
		c.Stop = &engine.Stop{Cause: text, Deadline: number > 0}
	case 18:
		c.Done = nil
	case 19:
		c.Timer = nil
	case 20:
		c.Done = done
	case 21:
		c.Timer = timer
	case 22:
		done.Skipped = text
	}
}

func changedPipeline() orchestrator.Pipeline {
	return pipeline(
		orchestrator.Phase{Name: "a", Run: flaky(1, errRefused)},
		orchestrator.Phase{
			Name: "b", Run: fails(errRefused), Recovery: &retry.Policy{MaxRetries: 1}, Fallback: ok("old"),
		},
		orchestrator.Phase{Name: "c", Run: ok([]int{1, 2})},
		orchestrator.Phase{Name: "d", Run: fails(retry.Permanent(errRefused)), Fallback: fails(errRefused)},
		orchestrator.Phase{Name: "z", Run: fails(errRefused), If: orchestrator.Always},
	)
}

// Whatever one field of a history is changed to, the run ends with an error, or the report tells what the history does.
func TestAChangedHistory(t *testing.T) {
	texts := []string{
		"", "a", "b", "z", "success", "error", "exhausted", "cancelled", "deadline", "abandoned", "budget", "null",
		`{"n": 1}`, `{"n"`,
	}
	numbers := []int64{-1, 0, 1, 2, 3, int64(2 * time.Second), -99 * int64(time.Hour), 1 << 62}
	original := newEngine(t, changedPipeline())
	report, _ := original.plan.Drive(original, changedOptions)
	for line := range original.history {
		for field := range uint8(23) {
			for i, text := range texts {
				checkChanged(t, original.history, report, line, field, numbers[i%len(numbers)], text)
			}
		}
	}
}

func FuzzAChangedHistory(f *testing.F) {
	f.Add(uint8(0), uint8(4), int64(0), `{"n"`)
	f.Add(uint8(1), uint8(15), int64(-99), "a")
	f.Fuzz(func(t *testing.T, line, field uint8, number int64, text string) {
		original := newEngine(t, changedPipeline())
		report, _ := original.plan.Drive(original, changedOptions)
		checkChanged(t, original.history, report, int(line)%len(original.history), field, number, text)
	})
}

var changedOptions = orchestrator.Options{EnableRecovery: true, ContinueOnError: true, RunID: "id"}

func checkChanged(
	t *testing.T, history []string, original orchestrator.Report, line int, field uint8, number int64, text string,
) {
	t.Helper()
	e := &changed{testEngine: newEngine(t, changedPipeline()), number: line}
	e.replay = append(slices.Clone(history), "end")
	e.change = func(c *engine.Completion) { changeField(c, field, number, text) }
	report, err := e.plan.Drive(e, changedOptions)
	if report.Status == "" {
		if _, ok := errors.AsType[*orchestrator.FieldError](err); !ok && !errors.Is(err, errHistoryEnds) {
			t.Errorf("line %d, field %d, %d, %q: error %v", line, field, number, text, err)
		}
		return
	}
	_, got := through(t, report)
	if _, want := through(t, original); got == want {
		return
	}
	if told, said := tellPhases(e.delivered), sayPhases(report); told != said {
		t.Errorf("line %d, field %d, %d, %q: another story:\ngot  %s\nwant %s", line, field, number, text, said, told)
	}
}

// tellPhases says what the phases of a run did, by what came out of Next.
func tellPhases(list []engine.Completion) (text string) {
	for _, name := range []string{"a", "b", "c", "d", "z"} {
		var tries []string
		var delay time.Duration
		for _, c := range list {
			switch {
			case c.Timer != nil && c.Timer.Phase == name:
				delay = c.Timer.Delay
			case c.Done != nil && c.Done.Phase == name && (c.Done.Skipped == "" || c.Done.Attempt > 0):
				tries = append(tries, sayTry(c.Done.Attempt, c.Done.Fallback, delay, c.Done.Status,
					c.Done.Error, c.Done.Output))
			}
		}
		text += fmt.Sprintf("%s: %q\n", name, tries)
	}
	return text
}

// sayPhases says the same by the report.
func sayPhases(report orchestrator.Report) (text string) {
	for _, p := range report.Phases {
		var tries []string
		add := func(try string) { tries = append(tries, try) }
		switch {
		case p.Error != "":
			add(sayTry(0, false, 0, orchestrator.AttemptError, p.Error, nil))
		case p.Status == success:
			add(sayTry(0, false, 0, orchestrator.AttemptSuccess, "", p.Result))
		}
		last := 0
		if p.Recovery != nil {
			for _, a := range p.Recovery.Attempts {
				add(sayTry(a.Attempt, false, a.Delay, a.Status, a.Error, a.Result))
				last = a.Attempt
			}
		}
		if f := p.Fallback; f != nil {
			delay := time.Duration(0)
			if last > 0 {
				delay = p.Recovery.Attempts[last-1].Delay
			}
			add(sayTry(last+1, true, delay, f.Status, f.Error, f.Result))
		}
		text += fmt.Sprintf("%s: %q\n", p.Phase, tries)
	}
	return text
}

func sayTry(attempt int, fallback bool, delay time.Duration, status, failure string, output json.RawMessage) string {
	return fmt.Sprintf("%d %v after %v: %s %s %s", attempt, fallback, delay, status, failure, output)
}
