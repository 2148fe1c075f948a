package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the pipeline without its waits, and returns the report, the spans and the result file's path.
func run(t *testing.T, scenario Scenario, seed uint64, policy retry.Policy) (
	orchestrator.Report, error, *retrytest.Recorder, string,
) {
	t.Helper()
	service, err := StartService(scenario, seed, LateAnswer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, rec := retrytest.Record(t, t.Context())
	result := filepath.Join(t.TempDir(), "out", "result.json")
	pipeline := Pipeline(service.URL(), cli.Target{Path: result}, policy)
	report, err := pipeline.Run(retrytest.NoWait(ctx), orchestrator.Options{EnableRecovery: true})
	return report, err, rec, result
}

func statuses(report orchestrator.Report) string {
	var list []string
	for _, p := range report.Phases {
		text := fmt.Sprintf("%s=%s", p.Phase, p.Status)
		if p.Recovery != nil {
			text += fmt.Sprintf("(%s)", p.Recovery.Message)
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

func TestScenarios(t *testing.T) {
	for _, c := range []struct {
		scenario Scenario
		statuses string
		is       error
		retried  bool
	}{
		{Healthy, "data_preparation=success analysis=success report=success", nil, false},
		{
			Flaky, "data_preparation=success analysis=success(Recovery successful on attempt 1) report=success",
			nil, true,
		},
		{Slow, "data_preparation=success analysis=success report=success", nil, true},
		{
			Outage,
			"data_preparation=failed(Recovery failed after 3 recovery attempts) analysis=skipped report=skipped",
			syscall.ECONNREFUSED, true,
		},
		{Permanent, "data_preparation=failed analysis=skipped report=skipped", retry.ErrPermanent, false},
	} {
		for _, seed := range []uint64{1, 2, 77} {
			t.Run(fmt.Sprintf("%s %d", c.scenario, seed), func(t *testing.T) {
				t.Parallel()
				report, err, rec, result := run(t, c.scenario, seed, OperationPolicy())
				if got := statuses(report); got != c.statuses {
					t.Errorf("got  %s\nwant %s\n%s", got, c.statuses, rec.Tree())
				}
				if !errors.Is(err, c.is) {
					t.Errorf("error %v, want %v", err, c.is)
				}
				if retried := strings.Contains(rec.Tree(), ": retrying in"); retried != c.retried {
					t.Errorf("retried: %v, want %v\n%s", retried, c.retried, rec.Tree())
				}
				checkResult(t, result, c.is == nil)
			})
		}
	}
}

func checkResult(t *testing.T, path string, want bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if !want {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a failed run left a result: %s %v", text, err)
		}
		return
	}
	var a Analysis
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	// From NOAA's table: 315.98 ppm in 1959, 424.61 in 2024; 404.41 in 2016 after 401.01, the greatest step but 2024's.
	if a.FirstYear != 1959 || a.LastYear != 2024 || a.Rows != 66 || a.LastPPM != 424.61 ||
		a.Fastest != (Growth{2024, 2024, 3.53}) || a.AboveBaseline != 52.57 || len(a.GrowthPerDecade) != 7 {
		t.Errorf("result %+v", a)
	}
}

func TestTheSameSeedRepeatsTheRun(t *testing.T) {
	trees := map[string]bool{}
	for range 2 {
		_, err, rec, _ := run(t, Flaky, 5, OperationPolicy())
		if err != nil {
			t.Fatal(err)
		}
		trees[rec.Tree()] = true
	}
	if len(trees) != 1 {
		t.Errorf("two runs with one seed differ:\n%v", trees)
	}
	_, _, rec, _ := run(t, Flaky, 6, OperationPolicy())
	if trees[rec.Tree()] {
		t.Error("another seed gives the same run")
	}
}

func TestMoreRetriesNeedNoRecovery(t *testing.T) {
	policy := OperationPolicy()
	policy.MaxRetries = 4
	report, err, rec, _ := run(t, Flaky, 1, policy)
	want := "data_preparation=success analysis=success report=success"
	if got := statuses(report); err != nil || got != want {
		t.Errorf("error %v\ngot  %s\nwant %s\n%s", err, got, want, rec.Tree())
	}
}

func TestADryRunTouchesNothing(t *testing.T) {
	result := filepath.Join(t.TempDir(), "result.json")
	// Nothing listens at this address, so a phase that ran would fail.
	pipeline := Pipeline("http://127.0.0.1:1", cli.Target{Path: result}, OperationPolicy())
	report, err := pipeline.Run(t.Context(), orchestrator.Options{DryRun: true})
	if err != nil || !report.DryRun || statuses(report) != "data_preparation=success analysis=success report=success" {
		t.Errorf("error %v, report %+v", err, report)
	}
	checkResult(t, result, false)
}

func TestParseNamesTheLine(t *testing.T) {
	for input, want := range map[string]string{
		"":                               "line 1: no header, want year,ppm",
		"year,ppm\n1960,316\n196x,317\n": `line 3: year is "196x", want a whole number`,
		"year,ppm\n1960,n/a\n":           `line 2: ppm is "n/a", want a number above 0`,
		"year,ppm\n1960,-1\n":            `line 2: ppm is "-1", want a number above 0`,
		"year,ppm\n1960,316,extra\n":     "record on line 2: wrong number of fields",
		"year,ppm\n1960,\"316\nunclosed,": "record on line 2; parse error on line 3, column 10: " +
			`extraneous or missing " in quoted-field`,
	} {
		if _, err := parse([]byte(input)); err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", input, err, want)
		}
	}
}

func TestAnalyseRefusesHoles(t *testing.T) {
	for name, c := range map[string]struct {
		rows     []Row
		baseline float64
	}{
		"too short":   {[]Row{{1960, 316}}, 280},
		"a hole":      {[]Row{{1960, 316}, {1962, 318}}, 280},
		"a double":    {[]Row{{1960, 316}, {1960, 316}}, 280},
		"no baseline": {[]Row{{1960, 316}, {1961, 317}}, 0},
	} {
		if _, err := analyse(c.rows, c.baseline); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRetryAfterHeader(t *testing.T) {
	for value, want := range map[string]bool{"": false, "soon": false, "-1": false, "0": true, "7": true} {
		if _, ok := retryAfterHeader(value); ok != want {
			t.Errorf("%q: ok is %v, want %v", value, ok, want)
		}
	}
	if d, _ := retryAfterHeader("7"); d != 7*time.Second {
		t.Errorf("7: %v", d)
	}
	date := time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	if d, ok := retryAfterHeader(date); !ok || d < 58*time.Minute || d > time.Hour {
		t.Errorf("%s: %v, %v", date, d, ok)
	}
}
