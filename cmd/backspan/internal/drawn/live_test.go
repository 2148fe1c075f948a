package drawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"

	"github.com/backspan/backspan/cmd/backspan/internal/live"

	"github.com/backspan/backspan/cmd/backspan/internal/session"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// A buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// liveLines plays a scenario before a Live that prints plain lines.
func liveLines(t *testing.T, scenario string, o live.Options) string {
	t.Helper()
	var out buffer
	synctest.Test(t, func(t *testing.T) {
		view := live.New(&out, o)
		scenarios[scenario](t.Context(), newEngine(t, view))
		view.Stop()
	})
	return out.String()
}

func TestLivePlainGolden(t *testing.T) {
	for scenario := range scenarios {
		t.Run(scenario, func(t *testing.T) {
			text := liveLines(t, scenario, live.Options{})
			checkHarmless(t, scenario, text, 1000, false)
			golden(t, "live-"+scenario+".txt", []byte(text))
		})
	}
}

func TestLivePlainASCII(t *testing.T) {
	text := liveLines(t, "hostile", live.Options{ASCII: true})
	checkHarmless(t, "hostile", text, 1000, true)
	if !strings.Contains(text, "exhausted") {
		t.Errorf("nothing is told:\n%s", text)
	}
}

// Each failed attempt is a line, and each operation that was retried has one at its end.
func TestLivePlainCounts(t *testing.T) {
	for scenario := range scenarios {
		text := liveLines(t, scenario, live.Options{})
		operations := session.New(record(t, scenario)).Summary().Operations
		failed := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, ": attempt ") && strings.Contains(line, " failed") &&
				!strings.Contains(line, "phase ") {
				failed++
			}
		}
		if failed != operations.Failures {
			t.Errorf("%s: %d lines tell of failed attempts, want %d, in\n%s",
				scenario, failed, operations.Failures, text)
		}
		for word, want := range map[string]int{
			": exhausted": operations.Ended[session.Exhausted], ": permanent": operations.Ended[session.Permanent],
		} {
			if got := strings.Count(text, word); got != want {
				t.Errorf("%s: %q is there %d times, want %d, in\n%s", scenario, word, got, want, text)
			}
		}
	}
}

// play plays a scenario before a Live on a terminal, and shows what is on its screen at certain times.
func play(t *testing.T, scenario string, screen *vt, o live.Options, times ...time.Duration) string {
	t.Helper()
	o.Redraw, o.Size = true, screen.size
	var shown strings.Builder
	synctest.Test(t, func(t *testing.T) {
		view := live.New(screen, o)
		e := newEngine(t, view)
		var wg sync.WaitGroup
		wg.Go(func() { scenarios[scenario](t.Context(), e) })
		start := time.Now()
		for _, at := range times {
			// A moment later, when what happens at that very time has happened.
			pass(time.Until(start.Add(at)) + time.Microsecond)
			synctest.Wait()
			fmt.Fprintf(&shown, "at %s:\n%s\n", text.Duration(at), screen.text())
			screen.checkTidy()
		}
		wg.Wait()
		view.Stop()
		if text := screen.text(); text != "\n" {
			t.Errorf("after Stop the screen shows\n%s", text)
		}
		screen.checkTidy()
		view.Printf("x")
		if got := screen.text(); got != "x\n" && screen.columns > 1 {
			t.Errorf("the live view gave up on a screen of %d by %d, which shows %q", screen.columns, screen.rows, got)
		}
	})
	return shown.String()
}

func TestLiveFramesGolden(t *testing.T) {
	times := []time.Duration{0, ms(100), ms(200), ms(1000), ms(2000), ms(3000), ms(3700), ms(4500), ms(4900), ms(5400)}
	for _, c := range []struct {
		name    string
		columns int
		options live.Options
	}{
		{"frames-flaky-80.txt", 80, live.Options{}},
		{"frames-flaky-80-color.txt", 80, live.Options{Color: true}},
		{"frames-flaky-40.txt", 40, live.Options{}},
		{"frames-flaky-80-ascii.txt", 80, live.Options{ASCII: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			golden(t, c.name, []byte(play(t, "flaky", newVT(t, c.columns, 24), c.options, times...)))
		})
	}
}

func TestLiveFramesOfOthersGolden(t *testing.T) {
	var all strings.Builder
	for _, scenario := range []string{"cancelled", "nested", "fallback", "outage", "hostile"} {
		fmt.Fprintf(&all, "%s\n\n%s", scenario,
			play(t, scenario, newVT(t, 80, 24), live.Options{}, ms(300), ms(550), ms(800)))
	}
	golden(t, "frames-others.txt", []byte(all.String()))
}

// However small the screen and whatever the spans hold: nothing is left, and nothing unknown is sent.
func TestLiveFramesFit(t *testing.T) {
	for scenario := range scenarios {
		for _, size := range [][2]int{{1, 1}, {2, 2}, {10, 3}, {20, 5}, {40, 2}, {300, 100}} {
			screen := newVT(t, size[0], size[1])
			play(t, scenario, screen, live.Options{Color: true}, ms(150), ms(3000))
		}
	}
}

// start starts an operation whose first attempt failed, with a wait of 8 seconds.
func (e *engine) startWaiting(ctx context.Context, name string) {
	ctx, op := e.start(ctx, scope.Frame{}, semconv.KindOperation, name)
	op.SetAttributes(semconv.MaxRetriesKey.Int(3))
	_, attempt := e.start(ctx, scope.Frame{Depth: 1}, semconv.KindAttempt, "attempt 1")
	e.endTry(attempt, fmt.Errorf("connection refused"), true, ms(8000), []attribute.KeyValue{semconv.AttemptKey.Int(1)})
}

func TestLiveCountsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(t, 80, 24)
		view := live.New(screen, live.Options{Redraw: true, Size: screen.size})
		newEngine(t, view).startWaiting(t.Context(), "fetch")
		for _, c := range []struct {
			after time.Duration
			want  string
		}{
			{ms(100), "┄ fetch  attempt 2/4 in 7.9s  ┄┄┄┄┄┄┄┄  ✗ connection refused\n"},
			{ms(3900), "┄ fetch  attempt 2/4 in 4.0s  ┄┄┄┄      ✗ connection refused\n"},
			{ms(3900), "┄ fetch  attempt 2/4 in 0.1s  ┄         ✗ connection refused\n"},
			{ms(3900), "┄ fetch  attempt 2/4 in 0.0s            ✗ connection refused\n"},
		} {
			pass(c.after)
			synctest.Wait()
			if got := screen.text(); got != c.want {
				t.Errorf("%v later the screen shows\n%swant\n%s", c.after, got, c.want)
			}
		}
		view.Stop()
	})
}

// How often it may be tried is an attribute that is set after the start.
func TestLiveReadsAttributesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(t, 80, 24)
		view := live.New(screen, live.Options{Redraw: true, Size: screen.size})
		e := newEngine(t, view)
		ctx, op := e.start(t.Context(), scope.Frame{}, semconv.KindOperation, "fetch")
		_, attempt := e.start(ctx, scope.Frame{}, semconv.KindAttempt, "attempt 1")
		for _, c := range []struct {
			retries int
			want    string
		}{
			{7, "▸ fetch  attempt 1/8  0.1s\n"},
			{-1, "▸ fetch  attempt 1  0.2s\n"},
			{0, "▸ fetch  attempt 1/1  0.3s\n"},
		} {
			op.SetAttributes(semconv.MaxRetriesKey.Int(c.retries))
			pass(ms(100))
			synctest.Wait()
			if got := screen.text(); got != c.want {
				t.Errorf("with %d retries the screen shows %q, want %q", c.retries, got, c.want)
			}
		}
		attempt.End()
		op.End()
		view.Stop()
	})
}

// A policy may leave out spans of attempts; the number of those that there are counts.
func TestLiveTrustsTheNumberOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(t, 80, 24)
		view := live.New(screen, live.Options{Redraw: true, Size: screen.size})
		e := newEngine(t, view)
		ctx, op := e.start(t.Context(), scope.Frame{}, semconv.KindOperation, "fetch")
		_, attempt := e.start(ctx, scope.Frame{}, semconv.KindAttempt, "attempt 5")
		e.endTry(attempt, errors.New("no"), true, ms(5000), []attribute.KeyValue{semconv.AttemptKey.Int(5)})
		pass(ms(100))
		synctest.Wait()
		if got, want := screen.text(), "┄ fetch  attempt 6 in 4.9s  ┄┄┄┄┄┄┄┄  ✗ no\n"; got != want {
			t.Errorf("the screen shows %q, want %q", got, want)
		}
		op.End()
		view.Stop()
	})
}

// A run that was cancelled did not fail. What cancelled it, and all that was under way, is left to the command to say.
func TestLiveOfACancelledRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		view := live.New(&out, live.Options{})
		_, run := newEngine(t, view).start(t.Context(), scope.Frame{}, semconv.KindRun, "nightly")
		pass(time.Second)
		run.SetAttributes(semconv.KindKey.String(semconv.KindRun), semconv.RunStatusKey.String(semconv.StatusCancelled))
		run.SetStatus(codes.Error, "cancelled (SIGTERM): b: cancelled after 1 attempt")
		run.End()
		view.Stop()
		if want := "run nightly: cancelled, took 1s\n"; !strings.HasSuffix(out.String(), want) {
			t.Errorf("it tells %q, want %q at the end", out.String(), want)
		}
	})
}

// Phases that ended give way to what runs, and what does not fit is counted.
func TestLiveOfManyThings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(t, 80, 10)
		view := live.New(screen, live.Options{Redraw: true, Size: screen.size})
		e := newEngine(t, view)
		ctx, run := e.start(t.Context(), scope.Frame{}, semconv.KindRun, "demo")
		for i := range 9 {
			_, phase := e.start(ctx, scope.Frame{Phase: fmt.Sprint("done", i)}, semconv.KindPhase,
				fmt.Sprint("done", i))
			phase.End()
		}
		show := func() string {
			pass(ms(100))
			synctest.Wait()
			return screen.text()
		}
		if got := show(); strings.Count(got, "done") != 5 || !strings.Contains(got, "done8") ||
			strings.Contains(got, "done3") {
			t.Errorf("of the phases that ended it shows\n%s", got)
		}
		for i := range 30 {
			e.startWaiting(ctx, fmt.Sprint("op", i))
		}
		got := show()
		if strings.Contains(got, "done") || strings.Count(got, "op") != 7 || !strings.HasSuffix(got, "… 23 more\n") ||
			strings.Count(got, "\n") != 9 {
			t.Errorf("of 30 operations it shows\n%s", got)
		}
		run.End()
		view.Stop()
		if got := screen.text(); got != "\n" {
			t.Errorf("after Stop the screen shows\n%s", got)
		}
	})
}

// An operation below a span that is not Backspan's still stands below its phase.
func TestLiveBelowForeignSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(t, 80, 24)
		view := live.New(screen, live.Options{Redraw: true, Size: screen.size})
		e := newEngine(t, view)
		ctx, _ := e.start(t.Context(), scope.Frame{}, semconv.KindRun, "demo")
		ctx, _ = e.start(ctx, scope.Frame{Phase: "load"}, semconv.KindPhase, "load")
		ctx, foreign := e.provider.Tracer("example.com/http").Start(ctx, "GET /")
		e.start(ctx, scope.From(ctx), semconv.KindOperation, "fetch")
		pass(ms(100))
		synctest.Wait()
		want := "▸ demo  0.1s\n  ▸ load  0.1s\n    ▸ fetch  0.1s\n"
		if got := screen.text(); got != want {
			t.Errorf("the screen shows\n%swant\n%s", got, want)
		}
		foreign.End()
		view.Stop()
	})
}

// Spans of other instrumentation are not shown, nor such that nobody saw start.
func TestLiveIgnoresOthers(t *testing.T) {
	var out buffer
	synctest.Test(t, func(t *testing.T) {
		view := live.New(&out, live.Options{})
		e := newEngine(t, view)
		_, foreign := e.provider.Tracer("example.com/other").Start(
			scope.With(t.Context(), scope.Frame{Starting: semconv.KindRun}), "GET /")
		foreign.End()
		_, unmarked := e.tracer.Start(t.Context(), "load")
		unmarked.End()
		view.Stop()
		_, late := e.start(t.Context(), scope.Frame{}, semconv.KindRun, "late")
		_, never := e.start(t.Context(), scope.Frame{}, semconv.KindRun, "never ends")
		late.End()
		never.End()
	})
	if out.String() != "" {
		t.Errorf("it printed %q", out.String())
	}
}
