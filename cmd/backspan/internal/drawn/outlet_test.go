package drawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"

	"github.com/backspan/backspan/cmd/backspan/internal/live"
)

// A unhurried takes its time for each write.
type unhurried struct {
	takes time.Duration

	mu  sync.Mutex
	got strings.Builder
}

func (w *unhurried) Write(p []byte) (int, error) {
	<-time.After(w.takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.Write(p)
}

func (w *unhurried) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.String()
}

// What is written after Settle comes after what was to be told before, however slow the writer is; but a writer that
// takes nothing does not hold the program up.
func TestLiveSettles(t *testing.T) {
	for takes, want := range map[time.Duration]string{300 * time.Millisecond: "one\ntwo\n", time.Hour: ""} {
		synctest.Test(t, func(t *testing.T) {
			w := &unhurried{takes: takes}
			view := live.New(w, live.Options{})
			view.Printf("one")
			synctest.Wait() // it is being written
			view.Printf("two")
			began := time.Now()
			view.Settle()
			if got := w.String(); got != want || time.Since(began) > time.Second {
				t.Errorf("after %v %q is written, want %q", time.Since(began), got, want)
			}
			view.Settle()
			if took := time.Since(began); took > time.Second {
				t.Errorf("it waited for %v", took)
			}
			<-time.After(3 * takes)
			view.Stop()
		})
	}
}

func TestLivePrintsAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(t, 80, 24)
		view := live.New(screen, live.Options{Redraw: true, Size: screen.size})
		e := newEngine(t, view)
		_, op := e.start(t.Context(), scope.Frame{}, semconv.KindOperation, "fetch")
		expect := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := screen.text(); got != want {
				t.Errorf("the screen shows\n%swant\n%s", got, want)
			}
			screen.checkTidy()
		}
		print := func(text string) {
			t.Helper()
			if n, err := io.WriteString(view, text); n != len(text) || err != nil {
				t.Errorf("Write returned %d, %v", n, err)
			}
		}
		pass(ms(100))
		expect("▸ fetch  0.1s\n")
		view.Printf("one")
		expect("one\n▸ fetch  0.1s\n")
		view.Printf("two %d\n", 2)
		print("thr")
		expect("one\ntwo 2\n▸ fetch  0.1s\n")
		print("ee\nfour\nand the re")
		expect("one\ntwo 2\nthree\nfour\n▸ fetch  0.1s\n")
		print(strings.Repeat("long_", 30) + "\n")
		pass(ms(100))
		long := strings.Repeat("long_", 30)
		expect("one\ntwo 2\nthree\nfour\nand the re" + long[:70] + "\n" + long[70:] + "\n▸ fetch  0.2s\n")
		print("no newline at the end")
		op.End()
		view.Stop()
		print("after\n")
		expect("one\ntwo 2\nthree\nfour\nand the re" + long[:70] + "\n" + long[70:] +
			"\nno newline at the end\nafter\n")
	})
}

func TestLiveFollowsTheWidth(t *testing.T) {
	for _, reflow := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			screen := newVT(t, 80, 24)
			screen.reflow = reflow
			view := live.New(screen, live.Options{Redraw: true, Reflow: reflow, Size: screen.size})
			view.Printf("what was there before")
			newEngine(t, view).startWaiting(t.Context(), "fetch_prices_of_all")
			for _, c := range []struct {
				columns int
				want    string
			}{
				{80, "┄ fetch_prices_of_all  attempt 2/4 in 7.9s  ┄┄┄┄┄┄┄┄  ✗ connection refused\n"},
				{30, "┄ fetch_pri…  attempt 2/4 in…\n"},
				{12, "┄ fetch_pr…\n"},
				{80, "┄ fetch_prices_of_all  attempt 2/4 in 7.6s  ┄┄┄┄┄┄┄┄  ✗ connection refused\n"},
			} {
				screen.resize(c.columns, 24)
				pass(ms(100))
				synctest.Wait()
				before := "what was there before\n"
				if got := screen.text(); c.columns == 80 && reflow && got != before+c.want {
					t.Errorf("at %d columns, reflow %v, the screen shows\n%swant\n%s",
						c.columns, reflow, got, before+c.want)
				} else if !strings.HasSuffix(got, c.want) {
					t.Errorf("at %d columns, reflow %v, the screen shows\n%swant at its end\n%s",
						c.columns, reflow, got, c.want)
				}
			}
			view.Stop()
			screen.checkTidy()
		})
	}
}

// A blockedWriter takes nothing until it is released.
type blockedWriter struct {
	release chan struct{}
	buffer
}

func (w *blockedWriter) Write(p []byte) (int, error) {
	<-w.release
	return w.buffer.Write(p)
}

// A terminal that takes nothing holds up nobody for long, and what it could not take is written when it can.
func TestLiveBeforeABlockedTerminal(t *testing.T) {
	for _, redraw := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := &blockedWriter{release: make(chan struct{})}
			view := live.New(w, live.Options{Redraw: redraw})
			e := newEngine(t, view)
			view.Printf("first")
			synctest.Wait() // the goroutine is held up by it
			start := time.Now()
			for i := range 1000 {
				_, run := e.start(t.Context(), scope.Frame{}, semconv.KindRun, fmt.Sprint("run", i))
				run.End()
				view.Printf("line %d", i)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("the program was held up for %v", took)
			}
			start = time.Now()
			view.Stop()
			if took := time.Since(start); took != time.Second {
				t.Errorf("Stop took %v, want %v", took, time.Second)
			}
			close(w.release)
			synctest.Wait()
			text := w.String()
			for i := range 1000 {
				if strings.Count(text, fmt.Sprintf("line %d\n", i)) != 1 {
					t.Fatalf("line %d is there %d times", i, strings.Count(text, fmt.Sprintf("line %d\n", i)))
				}
			}
			// What it wrote when Stop was called may have been a drawing; nothing after that is.
			if n := strings.Count(text, "\x1b[?25h"); n > 1 ||
				strings.Contains(text[strings.Index(text, "line 999"):], "\x1b") {
				t.Errorf("after Stop gave up it still drew: %d drawings, and at the end %q", n, text[len(text)-100:])
			}
		})
	}
}

// Who prints very much to a slow terminal waits for it, once and not for ever; what does not fit is counted.
func TestLiveDropsWhatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &blockedWriter{release: make(chan struct{})}
		view := live.New(w, live.Options{})
		chunk := []byte(strings.Repeat("x", 1023) + "\n")
		view.Printf("first") // this one blocks the goroutine
		synctest.Wait()
		start := time.Now()
		for range 1100 {
			if n, err := view.Write(chunk); n != len(chunk) || err != nil {
				t.Fatalf("Write returned %d, %v", n, err)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("the writer was held up for %v, want %v", took, time.Second)
		}
		close(w.release)
		synctest.Wait()
		view.Stop()
		text := w.String()
		kept := strings.Count(text, string(chunk))
		if want := fmt.Sprintf("(%d lines were not shown here: too many at once)\n", 1100-kept); kept != 1024 ||
			!strings.Contains(text, want) {
			t.Errorf("%d lines are there, and %q at the end; want 1024 and %q", kept, text[len(text)-60:], want)
		}
	})
}

// Who waits for room when Stop is called gets its lines out all the same.
func TestLiveStopsWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &blockedWriter{release: make(chan struct{})}
		view := live.New(w, live.Options{})
		view.Printf("first")
		synctest.Wait() // the goroutine is held up by it
		view.Printf("%s", strings.Repeat("x", 1<<20))
		var wg sync.WaitGroup
		wg.Go(func() { view.Printf("waits") })
		synctest.Wait()
		wg.Go(view.Stop)
		pass(ms(500))
		close(w.release)
		wg.Wait()
		if text := w.String(); strings.Count(text, "waits\n") != 1 || !strings.HasSuffix(text, "waits\n") {
			t.Errorf("it ends with %q", text[len(text)-20:])
		}
		// A line without an end, too, is not kept for a goroutine that is gone.
		if _, err := io.WriteString(view, "no newline"); err != nil {
			t.Error(err)
		}
		if text := w.String(); !strings.HasSuffix(text, "waits\nno newline") {
			t.Errorf("it ends with %q", text[len(text)-20:])
		}
	})
}

// A slow terminal makes who prints wait, and loses nothing.
func TestLiveLosesNothingOnASlowTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got buffer
		view := live.New(slowWriter{&got}, live.Options{})
		chunk := strings.Repeat("x", 100_000) + "\n"
		for range 100 {
			if _, err := io.WriteString(view, chunk); err != nil {
				t.Fatal(err)
			}
		}
		view.Stop()
		if n := strings.Count(got.String(), chunk); n != 100 {
			t.Errorf("%d lines are there, want 100", n)
		}
	})
}

type slowWriter struct{ to io.Writer }

func (w slowWriter) Write(p []byte) (int, error) {
	pass(ms(300))
	return w.to.Write(p)
}

type failingWriter struct {
	mu    sync.Mutex
	calls int
}

var errClosed = errors.New("broken pipe")

func (w *failingWriter) Write([]byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	return 0, errClosed
}

// When the reader is gone nothing more is written, and nobody is told.
func TestLiveBeforeAClosedTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &failingWriter{}
		view := live.New(w, live.Options{})
		for range 10 {
			if n, err := io.WriteString(view, "text\n"); n != 5 || err != nil {
				t.Errorf("Write returned %d, %v", n, err)
			}
			synctest.Wait()
		}
		view.Stop()
		if n, err := io.WriteString(view, "text\n"); n != 5 || err != nil {
			t.Errorf("after Stop, Write returned %d, %v", n, err)
		}
		if w.calls != 1 {
			t.Errorf("it wrote %d times, want once", w.calls)
		}
	})
}

// A mistake of ours, or of the program's writer, stays in the live view.
func TestLiveSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		view := live.New(io.Discard, live.Options{Redraw: true, Size: func() (int, int) { panic("no size") }})
		newEngine(t, view).startWaiting(t.Context(), "fetch")
		pass(ms(200))
		view.Stop()
	})
}

func TestLiveStopsMoreThanOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		view := live.New(io.Discard, live.Options{Redraw: true})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(view.Stop)
			wg.Go(func() {
				if err := view.Shutdown(context.Background()); err != nil {
					t.Errorf("Shutdown: %v", err)
				}
			})
		}
		wg.Wait()
		if err := view.ForceFlush(t.Context()); err != nil {
			t.Errorf("ForceFlush: %v", err)
		}
	})
}

func TestLiveShutdownHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &blockedWriter{release: make(chan struct{})}
		view := live.New(w, live.Options{})
		view.Printf("text")
		ctx, cancel := context.WithTimeout(t.Context(), ms(50))
		defer cancel()
		start := time.Now()
		if err := view.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(start); took != ms(50) {
			t.Errorf("Shutdown took %v, want 50ms", took)
		}
		close(w.release)
	})
}

// Lines that are written while Stop is called come out once, before or after.
func TestLiveLosesNoLineAtItsEnd(t *testing.T) {
	for range 200 {
		var out buffer
		view := live.New(&out, live.Options{})
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for j := range 20 {
					view.Printf("line %d of %d", j, i)
				}
			})
		}
		view.Stop()
		wg.Wait()
		text := out.String()
		for i := range 4 {
			for j := range 20 {
				if n := strings.Count(text, fmt.Sprintf("line %d of %d\n", j, i)); n != 1 {
					t.Fatalf("line %d of %d is there %d times in\n%s", j, i, n, text)
				}
			}
		}
	}
}

// A pipe that nobody reads is let go, so that not even the goroutine stays.
func TestLiveLetsGoOfAPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	view := live.New(writer, live.Options{})
	view.Printf("%s", strings.Repeat("x", 1<<20)) // more than a pipe holds
	view.Stop()
	if err := writer.Close(); err != nil {
		t.Error(err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	// TestMain finds a goroutine that still runs.
}

func TestLiveConcurrently(t *testing.T) {
	screen := newVT(t, 80, 24)
	view := live.New(screen, live.Options{Redraw: true, Size: screen.size})
	e := newEngine(t, view)
	ctx, run := e.start(t.Context(), scope.Frame{}, semconv.KindRun, "demo")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				e.startWaiting(ctx, fmt.Sprint("op", i))
				if j%50 == 0 {
					view.Printf("%d %d", i, j)
				}
			}
		})
	}
	wg.Wait()
	run.End()
	view.Stop()
	if got := strings.Count(screen.text(), "\n"); got != 8*4 {
		t.Errorf("the screen shows %d lines, want %d:\n%s", got, 8*4, screen.text())
	}
	screen.checkTidy()
}
