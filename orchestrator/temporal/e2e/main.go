package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	enums "go.temporal.io/api/enums/v1"
	history "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
	"github.com/backspan/backspan/orchestrator/temporal"
)

func main() {
	server := flag.String("temporal", "", "the `executable` of Temporal's command line")
	record := flag.String("record", "", "a `folder` for the histories of the runs")
	address := flag.String("worker", "", "be a worker of the server at this `address`")
	traces := flag.String("traces", "", "the worker's trace `file`")
	version := flag.String("version", "", "the worker's `version` of the pipelines")
	flag.Parse()
	var err error
	switch {
	case *address != "":
		err = work(*address, *traces, *version)
	case *server == "":
		err = errors.New("-temporal is missing: make temporal-e2e builds the server and gives it")
	default:
		err = show(*server, *record)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// show plays all scenes and says what came of each.
func show(server, record string) (err error) {
	dir, err := os.MkdirTemp("", "temporal-e2e")
	if err != nil {
		return err
	}
	address, err := freePort()
	if err != nil {
		return err
	}
	s := &stage{temporal: server, dir: dir, address: address}
	if s.client, err = dial(address, dir); err != nil {
		return err
	}
	defer s.client.Close()
	defer func() {
		err = errors.Join(err, s.end())
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			err = fmt.Errorf("%w (logs are in %s)", err, dir)
		}
	}()
	if err := s.unreachable(); err != nil {
		return fmt.Errorf("an unreachable server: %w", err)
	}
	if err := errors.Join(s.startServer(), s.startWorker("")); err != nil {
		return err
	}
	for _, scene := range []struct {
		what string
		play func() (string, error)
	}{
		{"worker and server killed in a wait", s.killedInAWait},
		{"worker killed in an attempt", s.killedInAnAttempt},
		{"worker told to stop in an attempt", s.stoppedInAnAttempt},
		{"cancelled by its starter", s.cancelled},
		{"a result over the cap", s.overTheCap},
		{"results of 3 MB, kept in files", s.keptElsewhere},
		{"the same id again, two resumes at once", s.twice},
		{"resumed with a changed pipeline", s.changedStarter},
		{"a worker with a changed pipeline, then the right one", s.changedWorker},
		{"a pipeline that no worker has", s.unregistered},
		{"no worker", s.noWorker},
	} {
		began := time.Now()
		text, err := scene.play()
		if err != nil {
			return fmt.Errorf("%s: %w", scene.what, err)
		}
		fmt.Printf("%-53s %5.1f s  %s\n", scene.what, time.Since(began).Seconds(), text)
	}
	if record == "" {
		return nil
	}
	return s.record(record, "wait", "attempt", "cancelled")
}

// end ends what still runs.
func (s *stage) end() error {
	var failed []error
	if s.worker != nil && s.worker.ProcessState == nil {
		failed = append(failed, end(s.worker, syscall.SIGTERM))
	}
	if s.server != nil && s.server.ProcessState == nil {
		failed = append(failed, end(s.server, syscall.SIGKILL))
	}
	return errors.Join(failed...)
}

func (s *stage) engine() *temporal.Engine {
	e := temporal.NewEngine(s.client, queue)
	e.Heartbeat, e.Patience = 2*time.Second, 5*time.Second
	return e
}

// An end is what Run or Resume returned.
type ending struct {
	report orchestrator.Report
	err    error
}

// begin starts a run and returns its end.
func (s *stage) begin(ctx context.Context, p orchestrator.Pipeline, id string) <-chan ending {
	end := make(chan ending, 1)
	go func() {
		report, err := s.engine().Run(ctx, p, options(id))
		end <- ending{report, err}
	}()
	return end
}

func options(id string) orchestrator.Options {
	return orchestrator.Options{RunID: id, EnableRecovery: true}
}

// within waits for an end.
func within(end <-chan ending) (ending, error) {
	select {
	case e := <-end:
		return e, nil
	case <-time.After(2 * time.Minute):
		return ending{}, errors.New("the run has not ended in 2 minutes")
	}
}

// expect complains about a tree of spans, or the calls of a phase.
func (s *stage) expect(id, tree string, calls map[string]int) error {
	for phase, want := range calls {
		if got := len(s.calls(id, phase)); got != want {
			return fmt.Errorf("phase %s was called %d times, want %d", phase, got, want)
		}
	}
	got, err := s.tree(id)
	if err == nil && got != tree {
		err = fmt.Errorf("spans are\n%s, want\n%s", got, tree)
	}
	return err
}

func (s *stage) unreachable() error {
	began := time.Now()
	_, err := s.engine().Run(context.Background(), waits(), options("nobody"))
	if took := time.Since(began); !errors.Is(err, temporal.ErrUnreachable) || took > 15*time.Second {
		return fmt.Errorf("got %w after %v, want ErrUnreachable", err, took)
	}
	return nil
}

func (s *stage) killedInAWait() (string, error) {
	end1 := s.begin(context.Background(), waits(), "wait")
	if err := s.noted("wait", "load"); err != nil {
		return "", err
	}
	time.Sleep(time.Second) // of the 4 of the wait
	if err := errors.Join(end(s.worker, syscall.SIGKILL), end(s.server, syscall.SIGKILL)); err != nil {
		return "", err
	}
	if err := errors.Join(s.startServer(), s.startWorker("")); err != nil {
		return "", err
	}
	got, err := within(end1)
	if err = errors.Join(err, got.err); err != nil {
		return "", err
	}
	local, err := waits().Run(context.Background(), options("wait")) // without notes
	if err != nil {
		return "", err
	}
	if got, want := enginetest.ReportText(got.report), enginetest.ReportText(local); got != want {
		return "", fmt.Errorf("the report is\n%s, and in one process\n%s", got, want)
	}
	return "the report of one process; nothing called again; each span once, in one tree", s.expect("wait",
		"waits: success ["+
			"extract: success [attempt 1: success], "+
			"load: success [attempt 1: retrying, recovery 1: retrying, recovery 2: success], "+
			"publish: success [attempt 1: success]]",
		map[string]int{"extract": 1, "load": 3, "publish": 1})
}

func (s *stage) killedInAnAttempt() (string, error) {
	end1 := s.begin(context.Background(), long(), "attempt")
	if err := s.noted("attempt", "work"); err != nil {
		return "", err
	}
	if err := errors.Join(end(s.worker, syscall.SIGKILL), s.startWorker("")); err != nil {
		return "", err
	}
	got, err := within(end1)
	if err = errors.Join(err, got.err); err != nil {
		return "", err
	}
	return got.report.Phases[0].Error, s.expect("attempt",
		"long: success [work: success [attempt 1: retrying (lost), recovery 1: success]]", map[string]int{"work": 2})
}

func (s *stage) stoppedInAnAttempt() (string, error) {
	end1 := s.begin(context.Background(), long(), "stopped")
	if err := s.noted("stopped", "work"); err != nil {
		return "", err
	}
	if err := errors.Join(end(s.worker, syscall.SIGTERM), s.startWorker("")); err != nil {
		return "", err
	}
	got, err := within(end1)
	if err = errors.Join(err, got.err); err != nil {
		return "", err
	}
	return got.report.Phases[0].Error, s.expect("stopped",
		"long: success [work: success [attempt 1: retrying (lost), recovery 1: success]]", map[string]int{"work": 2})
}

func (s *stage) cancelled() (string, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	opts := options("cancelled")
	opts.Cleanup = context.Background()
	end1 := make(chan ending, 1)
	go func() {
		report, err := s.engine().Run(ctx, endless(), opts)
		end1 <- ending{report, err}
	}()
	if err := s.noted("cancelled", "work"); err != nil {
		return "", err
	}
	cancel(errors.New("the operator said so"))
	got, err := within(end1)
	if err != nil {
		return "", err
	}
	if !errors.Is(got.err, context.Canceled) || got.report.Status != orchestrator.Cancelled {
		return "", fmt.Errorf("status %q, error %w", got.report.Status, got.err)
	}
	return got.report.Reason, s.expect("cancelled",
		"endless: cancelled [clean: success [attempt 1: success], work: cancelled [attempt 1: failed]]",
		map[string]int{"work": 1, "clean": 1})
}

func (s *stage) overTheCap() (string, error) {
	got, err := within(s.begin(context.Background(), large(), "cap"))
	if err != nil {
		return "", err
	}
	fits := len(got.report.Phases[0].Result)
	if got.err == nil || fits != 250_002 || !strings.Contains(got.err.Error(), "300002 bytes") {
		return "", fmt.Errorf("error %w, first result of %d bytes", got.err, fits)
	}
	return got.err.Error(), s.expect("cap",
		"large: failed [dump: failed [attempt 1: failed], fits: success [attempt 1: success]]",
		map[string]int{"fits": 1, "dump": 1})
}

func (s *stage) keptElsewhere() (string, error) {
	e := s.engine()
	e.MaxResult, e.MaxReport = 4<<20, 16<<20
	report, err := e.Run(context.Background(), huge(), options("kept"))
	if err != nil {
		return "", err
	}
	local, err := huge().Run(context.Background(), options("kept")) // without notes
	if err != nil {
		return "", err
	}
	text := enginetest.ReportText(report)
	if text != enginetest.ReportText(local) {
		return "", errors.New("the report is not that of one process")
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "payload*"))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the report of one process, %d bytes; %d payloads in files", len(text), len(files)), nil
}

func (s *stage) twice() (string, error) {
	if _, err := s.engine().Run(context.Background(), waits(), options("wait")); !errors.Is(err, temporal.ErrExists) {
		return "", fmt.Errorf("got %w, want ErrExists", err)
	}
	ends := make(chan ending, 2)
	for range 2 {
		go func() {
			report, err := s.engine().Resume(context.Background(), waits(), "wait")
			ends <- ending{report, err}
		}()
	}
	var reports []string
	for range 2 {
		e, err := within(ends)
		if err = errors.Join(err, e.err); err != nil {
			return "", err
		}
		reports = append(reports, enginetest.ReportText(e.report))
	}
	if reports[0] != reports[1] {
		return "", fmt.Errorf("two resumes got\n%s and\n%s", reports[0], reports[1])
	}
	return "ErrExists; both resumes got the report", nil
}

func (s *stage) changedStarter() (string, error) {
	_, err := s.engine().Resume(context.Background(), changed(), "wait")
	if !errors.Is(err, temporal.ErrChanged) {
		return "", fmt.Errorf("got %w, want ErrChanged", err)
	}
	if _, err := s.engine().Resume(context.Background(), waits(), "nobody's"); !errors.Is(err, temporal.ErrUnknown) {
		return "", fmt.Errorf("got %w, want ErrUnknown", err)
	}
	return err.Error(), nil
}

func (s *stage) changedWorker() (string, error) {
	end1 := s.begin(context.Background(), waits(), "changed")
	if err := s.noted("changed", "load"); err != nil {
		return "", err
	}
	time.Sleep(time.Second) // of the wait
	if err := errors.Join(end(s.worker, syscall.SIGKILL), s.startWorker("changed")); err != nil {
		return "", err
	}
	held, err := within(end1)
	if err != nil {
		return "", err
	}
	if !errors.Is(held.err, temporal.ErrHeldUp) || !strings.Contains(held.err.Error(), temporal.ErrChanged.Error()) {
		return "", fmt.Errorf("got %w, want ErrHeldUp", held.err)
	}
	if err := errors.Join(end(s.worker, syscall.SIGTERM), s.startWorker("")); err != nil {
		return "", err
	}
	// Temporal tells workers of a task that failed ever more seldom, every 10 minutes at most.
	report, err := s.engine().Resume(context.Background(), waits(), "changed")
	for errors.Is(err, temporal.ErrHeldUp) {
		report, err = s.engine().Resume(context.Background(), waits(), "changed")
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("ErrHeldUp, then %s", report.Status), s.expect("changed",
		"waits: success ["+
			"extract: success [attempt 1: success], "+
			"load: success [attempt 1: retrying, recovery 1: retrying, recovery 2: success], "+
			"publish: success [attempt 1: success]]",
		map[string]int{"extract": 1, "load": 3, "publish": 1})
}

func (s *stage) unregistered() (string, error) {
	p := waits()
	p.Name = "unheard-of"
	got, err := within(s.begin(context.Background(), p, "unregistered"))
	if err != nil {
		return "", err
	}
	if !errors.Is(got.err, temporal.ErrHeldUp) || !strings.Contains(got.err.Error(), "unheard-of") {
		return "", fmt.Errorf("got %w, want ErrHeldUp", got.err)
	}
	return got.err.Error(), nil
}

func (s *stage) noWorker() (string, error) {
	e := s.engine()
	*e = *temporal.NewEngine(s.client, "nobody's")
	e.Patience = 2 * time.Second
	_, err := e.Run(context.Background(), waits(), options("no worker"))
	if !errors.Is(err, temporal.ErrHeldUp) {
		return "", fmt.Errorf("got %w, want ErrHeldUp", err)
	}
	return err.Error(), nil
}

// record writes the histories of runs into dir.
func (s *stage) record(dir string, runs ...string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	for _, id := range runs {
		var h history.History
		events := s.client.GetWorkflowHistory(context.Background(), id, "", false,
			enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				return err
			}
			h.Events = append(h.Events, event)
		}
		data, err := protojson.MarshalOptions{Multiline: true, Indent: " "}.Marshal(&h)
		if err != nil {
			return err
		}
		data = bytes.ReplaceAll(data, []byte(host+":"), []byte("host:")) // in the names of workers' own queues
		if err := os.WriteFile(filepath.Join(dir, id+".json"), append(data, '\n'), 0o600); err != nil {
			return err
		}
	}
	return nil
}
