package program

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunTellsHowItEnded(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	script := `echo "out $OTEL_SDK_DISABLED $GIVEN"; echo err >&2; exit 3`
	got, err := Command{
		Path: "sh", Args: []string{"-c", script}, Env: map[string]string{"GIVEN": "yes"},
	}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Code != 3 || got.Stdout != "out  yes\n" || got.Stderr != "err\n" {
		t.Errorf("got %v", got)
	}
}

func TestRunRefusesWhatIsNotThere(t *testing.T) {
	if got, err := (Command{Path: "/nowhere/to/be/found"}).Run(t.Context()); err == nil {
		t.Errorf("got %v and no error", got)
	}
}

func TestTheEndOfTheContextKills(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := start(ctx, t, `echo ready; exec sleep 60`)
	cancel()
	if got, err := p.Wait(); err == nil {
		t.Errorf("killed, and yet no error: %v", got)
	}
}

func TestSignalArrives(t *testing.T) {
	p := start(t.Context(), t, `trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done`)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Wait(); err != nil || got.Code != 7 {
		t.Errorf("got %v, error %v, want code 7", got, err)
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	p := start(t.Context(), t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`)
	if err := p.Stop(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "after SIGTERM") {
		t.Errorf("Stop = %v, want an error that says it had to be killed", err)
	}
}

func TestStopOfWhatHasEnded(t *testing.T) {
	p := start(t.Context(), t, `echo ready`)
	<-p.Done()
	if err := p.Stop(time.Second); err != nil {
		t.Error(err)
	}
}

// start runs a shell script that prints "ready" when signals may come.
func start(ctx context.Context, t *testing.T, script string) *Process {
	t.Helper()
	p, err := Command{Path: "sh", Args: []string{"-c", script}}.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(p.Stdout(), "ready") {
		select {
		case <-tick.C:
		case <-time.After(10 * time.Second):
			t.Fatalf("no %q; stderr: %s", "ready", p.Stderr())
		}
	}
	return p
}
