//go:build unix

package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A junitFile is what the tests read of a file of --junit.
type junitFile struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Suites   []struct {
		Name       string  `xml:"name,attr"`
		Time       float64 `xml:"time,attr"`
		Tests      int     `xml:"tests,attr"`
		Failures   int     `xml:"failures,attr"`
		Errors     int     `xml:"errors,attr"`
		Skipped    int     `xml:"skipped,attr"`
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Cases []struct {
			Name      string     `xml:"name,attr"`
			ClassName string     `xml:"classname,attr"`
			Time      float64    `xml:"time,attr"`
			Skipped   []junitEnd `xml:"skipped"`
			Error     []junitEnd `xml:"error"`
			Failure   []junitEnd `xml:"failure"`
			Rerun     []junitEnd `xml:"rerunFailure"`
			Flaky     []junitEnd `xml:"flakyFailure"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitEnd struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
	Trace   string `xml:"stackTrace"`
}

func readJUnit(t *testing.T, path string) (f junitFile) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = xml.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return f
}

// outline is a line for each test case, and checks the counts on the way.
func (f *junitFile) outline(t *testing.T) (lines []string) {
	t.Helper()
	var tests, failures, errs int
	for _, suite := range f.Suites {
		var skipped, failed, broken int
		for _, c := range suite.Cases {
			line := c.ClassName + " " + c.Name
			for _, part := range []struct {
				name string
				ends []junitEnd
			}{
				{"skipped", c.Skipped},
				{"error", c.Error},
				{"failure", c.Failure},
				{"rerun", c.Rerun},
				{"flaky", c.Flaky},
			} {
				if len(part.ends) > 0 {
					line += fmt.Sprintf(", %d %s: %s", len(part.ends), part.name, part.ends[0].Message)
				}
			}
			lines = append(lines, line)
			skipped += len(c.Skipped)
			failed += len(c.Failure)
			broken += len(c.Error)
			if c.Time < 0 || c.Time > 60 {
				t.Errorf("%s took %v", c.Name, c.Time)
			}
		}
		if suite.Tests != len(suite.Cases) || suite.Skipped != skipped || suite.Failures != failed ||
			suite.Errors != broken {
			t.Errorf("the counts of %s do not agree with its test cases: %+v", suite.Name, suite)
		}
		tests += suite.Tests
		failures += suite.Failures
		errs += suite.Errors
	}
	if f.Tests != tests || f.Failures != failures || f.Errors != errs {
		t.Errorf("the counts do not agree with those of the suites: %+v", f)
	}
	return lines
}

func wantLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A ciRun is a directory in which backspan runs as in a step of GitHub Actions.
type ciRun struct{ dir, summary string }

func newCIRun(t *testing.T) ciRun {
	t.Helper()
	dir := t.TempDir()
	return ciRun{dir, filepath.Join(dir, "summary.md")}
}

// do runs backspan with more variables. stdout and stderr are apart.
func (r ciRun) do(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "backspan", args...)
	var out, errs strings.Builder
	command.Dir, command.Stdout, command.Stderr = r.dir, &out, &errs
	command.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none", "BACKSPAN_CONFIG=off",
		"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+r.summary)
	command.Env = append(command.Env, env...)
	_ = command.Run() // the exit code tells
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

func (r ciRun) path(name string) string { return filepath.Join(r.dir, name) }

func (r ciRun) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

var lostAndWaited = regexp.MustCompile(`lost [^,]+, waited [^;]+; `)

// annotations are the workflow commands in what was printed, without times.
func annotations(stderr string) (lines []string) {
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "::error ") || strings.HasPrefix(line, "::warning ") {
			lines = append(lines, lostAndWaited.ReplaceAllString(strings.TrimSuffix(line, "\n"), ""))
		}
	}
	return lines
}

var (
	cellEnd       = regexp.MustCompile(` \| `)
	markdownMarks = regexp.MustCompile(`\\([[:punct:]])`)
)

// rows are the rows of the tables of a summary, without times, as they are read.
func rows(markdown string) (list []string) {
	for line := range strings.Lines(markdown) {
		if !strings.HasPrefix(line, "| :") {
			continue
		}
		cells := cellEnd.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |\n"), -1)
		if len(cells) != 6 {
			list = append(list, "not six cells: "+line)
			continue
		}
		read := strings.Join([]string{cells[0], cells[1], cells[2], cells[5]}, "; ")
		read = strings.NewReplacer("<code>", "", "</code>", "").Replace(read)
		list = append(list, markdownMarks.ReplaceAllString(read, "$1"))
	}
	return list
}

const ciPipeline = `
name: nightly
recovery: {max_retries: 1, base_delay: 0}
retry: {max_retries: 2, base_delay: 1ms}
phases:
  - {name: before, steps: [{name: left_out, run: 'true'}]}
  - name: fetch
    steps:
      - {name: get, run: 'test $BACKSPAN_ATTEMPT -ge 3 || { echo no route >&2; exit 7; }'}
  - name: build
    steps:
      - {name: compile, run: 'true'}
      - {name: link, run: 'test $BACKSPAN_RECOVERY -ge 1 || { echo undefined symbol >&2; exit 1; }'}
  - name: lint
    allow_failure: true
    recovery: {max_retries: 0}
    steps: [{name: vet, run: exit 3, retry: {max_retries: 0}}]
  - name: cache
    recovery: {max_retries: 0}
    steps: [{name: download, run: exit 4, retry: {max_retries: 0}}]
    fallback: 'true'
  - name: deploy
    steps: [{name: push, run: 'echo denied >&2; exit 5', retry: {max_retries: 1}}]
  - {name: notify, steps: [{name: mail, run: 'true'}]}
`

func TestCIOfARun(t *testing.T) {
	r := newCIRun(t)
	writeFile(t, r.path("pipeline.yaml"), ciPipeline, 0o600)
	stdout, stderr, code := r.do(t, nil, "run", "--from", "fetch", "--outputs", "off", "--junit", "made/junit.xml")
	if code != 1 || strings.Contains(stdout, "::") {
		t.Errorf("exit code %d, stdout %q\n%s", code, stdout, stderr)
	}
	file := readJUnit(t, r.path("made/junit.xml"))
	if file.Name != "nightly" {
		t.Errorf("the name is %q", file.Name)
	}
	wantLines(t, "the file of --junit", file.outline(t), []string{
		"nightly before, 1 skipped: skipped: not selected",
		"nightly fetch",
		"nightly.fetch get, 2 flaky: exit code 7: no route",
		"nightly build, 1 flaky: link: gave up after 3 attempts: exit code 1: undefined symbol",
		"nightly.build compile",
		"nightly.build link, 3 flaky: exit code 1: undefined symbol",
		"nightly lint, 1 skipped: failed, allowed, 1 attempt: vet: gave up after 1 attempt: exit code 3, " +
			"1 flaky: vet: gave up after 1 attempt: exit code 3",
		"nightly.lint vet, 1 skipped: exhausted, 1 attempt: exit code 3, 1 flaky: exit code 3",
		"nightly cache, 1 flaky: download: gave up after 1 attempt: exit code 4",
		"nightly.cache download, 1 skipped: exhausted, 1 attempt: exit code 4, 1 flaky: exit code 4",
		"nightly.cache fallback",
		"nightly deploy, 1 failure: failed, 2 attempts: push: gave up after 2 attempts: exit code 5: denied, " +
			"1 rerun: push: gave up after 2 attempts: exit code 5: denied",
		"nightly.deploy push, 1 failure: exhausted, 4 attempts: exit code 5: denied, 3 rerun: exit code 5: denied",
		`nightly notify, 1 skipped: skipped: "deploy" failed before it began`,
	})
	push := file.Suites[5].Cases[1]
	first, last := push.Failure[0], push.Rerun[2].Trace
	if first.Type != "exit_5" || !strings.HasPrefix(first.Text, "deploy attempt 1, push attempt 1, took ") {
		t.Errorf("the failure is %+v", first)
	}
	if !strings.HasPrefix(last, "deploy recovery 1, push attempt 2, took ") || !strings.HasSuffix(last, ": denied") {
		t.Errorf("the last rerun is %q", last)
	}

	got := annotations(stderr)
	slices.Sort(got)
	wantLines(t, "annotations", got, []string{
		"::error title=deploy / push%3A exhausted%2C 4 attempts::first error: exit code 5: denied",
		"::warning title=build / link%3A recovered%2C 4 attempts::first error: exit code 1: undefined symbol",
		"::warning title=build%3A recovered%2C 2 attempts::first error: link: gave up after 3 attempts: " +
			"exit code 1: undefined symbol",
		"::warning title=cache / download%3A exhausted%2C 1 attempt::first error: exit code 4",
		"::warning title=cache%3A fell back::first error: download: gave up after 1 attempt: exit code 4",
		"::warning title=fetch / get%3A recovered%2C 3 attempts::first error: exit code 7: no route",
		"::warning title=lint / vet%3A exhausted%2C 1 attempt::first error: exit code 3",
		"::warning title=lint%3A failed%2C allowed%2C 1 attempt::first error: vet: gave up after 1 attempt: " +
			"exit code 3",
	})
	summary := r.read(t, "summary.md")
	if want := "\n### <code>nightly</code>: failed, 5 operations given up\n"; !strings.HasPrefix(summary, want) {
		t.Errorf("the summary is\n%s\nwant it to begin with %q", summary, want)
	}
	table := rows(summary)
	const deploy = ":x:; deploy; failed, 2 attempts; push: gave up after 2 attempts: exit code 5: denied"
	if len(table) != 9 || table[0] != deploy ||
		table[1] != ":x:; deploy / push; exhausted, 4 attempts; exit code 5: denied" ||
		!slices.Contains(table, ":warning:; fetch / get; recovered, 3 attempts; exit code 7: no route") {
		t.Errorf("the table is\n%s", strings.Join(table, "\n"))
	}
}

// markup are texts that mean something in one of the formats.
const markup = `printf 'a|b, c: 50%%\r\n::stop-commands::x\n]]> <b>&amp; \033[31mred *x* [y](z) @me ` +
	`token=abcdefgh' >&2; `

func TestCIOfExec(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		code         int
		junit        []string
		annotation   string
		row          string
	}{
		{"healthy", "true", 0, []string{"exec healthy"}, "", ""},
		{
			"recovered", "test $BACKSPAN_ATTEMPT -ge 3 || exit 7", 0,
			[]string{"exec recovered, 2 flaky: exit code 7"},
			"::warning title=recovered%3A recovered%2C 3 attempts::first error: exit code 7",
			":warning:; recovered; recovered, 3 attempts; exit code 7",
		},
		{
			"given up", "exit 9", 9,
			[]string{"exec given up, 1 failure: exhausted, 3 attempts: exit code 9, 2 rerun: exit code 9"},
			"::error title=given up%3A exhausted%2C 3 attempts::first error: exit code 9",
			":x:; given up; exhausted, 3 attempts; exit code 9",
		},
		{
			"not retried", "exit 2", 2,
			[]string{"exec not retried, 1 failure: not retryable, 1 attempt: exit code 2"},
			"::error title=not retried%3A not retryable%2C 1 attempt::first error: exit code 2",
			":x:; not retried; not retryable, 1 attempt; exit code 2",
		},
		{
			"a|b, <c>: 50%\x01\xff", markup + "exit 4", 4,
			[]string{
				"exec a|b, <c>: 50%\u2401\uFFFD, 1 failure: exhausted, 3 attempts: exit code 4: " + markupLine +
					", 2 rerun: exit code 4: " + markupLine,
			},
			"::error title=a|b%2C <c>%3A 50%25\u2401\uFFFD%3A exhausted%2C 3 attempts::first error: exit code 4: " +
				strings.ReplaceAll(markupLine, "%", "%25"),
			":x:; a|b, <c>: 50%\u2401\uFFFD; exhausted, 3 attempts; exit code 4: " + markupLine,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newCIRun(t)
			stdout, stderr, code := r.do(t, nil, "exec", "--max-retries=2", "--base-delay=1ms", "--stop-on=2",
				"--name", tt.name, "--junit=j.xml", "--", "sh", "-c", "echo own; "+tt.script)
			if code != tt.code || strings.Trim(stdout, "own\n") != "" {
				t.Errorf("exit code %d, want %d; stdout %q\n%s", code, tt.code, stdout, stderr)
			}
			file := readJUnit(t, r.path("j.xml"))
			wantLines(t, "the file of --junit", file.outline(t), tt.junit)
			p := file.Suites[0].Properties
			if len(p) != 4 || p[3].Name != "command" || !strings.HasPrefix(p[3].Value, "sh -c ") {
				t.Errorf("the properties are %q", p)
			}
			if got := strings.Join(annotations(stderr), "\n"); got != tt.annotation {
				t.Errorf("annotations\n%q, want\n%q", got, tt.annotation)
			}
			if got := strings.Join(rows(r.read(t, "summary.md")), "\n"); got != tt.row {
				t.Errorf("the table is\n%q, want\n%q", got, tt.row)
			}
		})
	}
}

// markupLine is what markup is read as.
const markupLine = "a|b, c: 50% ::stop-commands::x ]]> <b>&amp; red *x* [y](z) @me token=***"

// A command that leaves a line open does not hide an annotation, which has to begin a line.
func TestCIAnnotationsBeginALine(t *testing.T) {
	r := newCIRun(t)
	const script = `printf open >&2; test $BACKSPAN_ATTEMPT -ge 2`
	_, stderr, _ := r.do(t, nil, "exec", "--base-delay=1ms", "--", "sh", "-c", script)
	if len(annotations(stderr)) != 1 {
		t.Errorf("stderr has %q, want one annotation", stderr)
	}
}

// What was cancelled did not succeed, nor is it a test that failed.
func TestCIOfWhatWasCancelled(t *testing.T) {
	t.Run("exec", func(t *testing.T) {
		t.Parallel()
		w := wrap(t, "exec", "--base-delay=10m", "--max-delay=10m", "--junit=j.xml", "--", "false")
		w.awaitWait()
		w.send(t, unix.SIGTERM)
		w.end(t, 143, unix.SIGTERM)
		file := readJUnit(t, filepath.Join(w.dir, "j.xml"))
		got := file.outline(t)
		if len(got) != 1 || !strings.HasPrefix(got[0], "exec false, 1 error: cancelled, 1 attempt: ") {
			t.Errorf("the file of --junit has %q", got)
		}
	})
	t.Run("run", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "pipeline.yaml"), "name: n\nphases:\n"+
			"  - {name: a, steps: [{name: s, run: 'echo > ready; sleep 1000'}]}\n"+
			"  - {name: b, steps: [{name: s, run: 'true'}]}\n", 0o600)
		w := &wrapped{dir: dir}
		w.Cmd = exec.CommandContext(t.Context(), "backspan", "run", "--junit=j.xml")
		w.Dir, w.Env = dir, append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
		w.begin(t)
		awaitFile(t, filepath.Join(dir, "ready"))
		w.send(t, unix.SIGINT)
		w.end(t, 130, 0)
		file := readJUnit(t, filepath.Join(dir, "j.xml"))
		got := file.outline(t)
		for i, want := range []string{
			"n a, 1 error: cancelled, 1 attempt: ",
			"n.a s, 1 error: cancelled, 1 attempt: ",
			"n b, 1 skipped: skipped: ",
		} {
			if len(got) != 3 || !strings.HasPrefix(got[i], want) {
				t.Errorf("the file of --junit has %q, want line %d to begin with %q", got, i, want)
			}
		}
	})
}

func TestCIIsTurnedOff(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		file string
		args []string
		told bool
	}{
		{told: true},
		{env: []string{"GITHUB_ACTIONS="}},
		{env: []string{"GITHUB_ACTIONS="}, args: []string{"--ci=github"}, told: true},
		{args: []string{"--ci=off"}},
		{env: []string{"BACKSPAN_CI=off"}},
		{env: []string{"BACKSPAN_CI=off"}, args: []string{"--ci=auto"}, told: true},
		{file: "ci: off\n"},
		{file: "ci: off\n", env: []string{"BACKSPAN_CI=github"}, told: true},
	} {
		t.Run(fmt.Sprint(tt.env, tt.file, tt.args), func(t *testing.T) {
			t.Parallel()
			r := newCIRun(t)
			writeFile(t, r.path("config.yaml"), tt.file, 0o600)
			args := append([]string{"exec", "--base-delay=1ms", "--max-retries=1"}, tt.args...)
			_, stderr, code := r.do(t, append(tt.env, "BACKSPAN_CONFIG=config.yaml"), append(args, "--", "false")...)
			told, table := len(annotations(stderr)) == 1, r.read(t, "summary.md") != ""
			if told != tt.told || table != tt.told || code != 1 {
				t.Errorf("told: %v, table: %v, want %v; exit code %d; stderr\n%s", told, table, tt.told, code, stderr)
			}
		})
	}
	r := newCIRun(t)
	_, stderr, _ := r.do(t, nil, "exec", "-q", "--base-delay=1ms", "--", "false")
	if stderr != "" || len(rows(r.read(t, "summary.md"))) != 1 {
		t.Errorf("with --quiet stderr has %q", stderr)
	}
}

// A backspan in a command leaves it to the one around it to tell what was retried, and never adds to what the command
// says: that is the reason of a failure.
func TestCINested(t *testing.T) {
	const pipeline = "name: n\nrecovery: {max_retries: 0}\nphases:\n" +
		"  - {name: p, steps: [{name: s, retry: {max_retries: 0}, run: 'backspan exec --name in --max-retries 1 " +
		"--base-delay 1ms -- sh -c \"echo boom >&2; exit 3\"'}]}\n"
	r := newCIRun(t)
	writeFile(t, r.path("pipeline.yaml"), pipeline, 0o600)
	_, stderr, _ := r.do(t, nil, "run", "--junit=j.xml")
	wantLines(t, "annotations", annotations(stderr), []string{
		"::error title=p / s / in%3A exhausted%2C 2 attempts::first error: exit code 3: boom",
	})
	if table := rows(r.read(t, "summary.md")); len(table) != 3 {
		t.Errorf("the tables have %q", table)
	}
	file := readJUnit(t, r.path("j.xml"))
	const in = "n.p.s in, 1 failure: exhausted, 2 attempts: exit code 3: boom, 1 rerun: exit code 3: boom"
	if got := file.outline(t); len(got) != 3 || got[2] != in {
		t.Errorf("the file of --junit has %q", got)
	}

	r = newCIRun(t) // one that cannot know tells nothing of it
	writeFile(t, r.path("pipeline.yaml"), pipeline, 0o600)
	_, stderr, _ = r.do(t, nil, "run", "--trace-file=off")
	got := annotations(stderr)
	if len(got) != 1 || strings.Contains(stderr, "| ::") || strings.Contains(got[0], "title=p / s / in") {
		t.Errorf("stderr has\n%s", stderr)
	}
	table := rows(r.read(t, "summary.md"))
	if len(table) != 3 || table[0] != ":x:; in; exhausted, 2 attempts; exit code 3: boom" {
		t.Errorf("the tables have %q", table)
	}
}

// A summary that cannot be written is told, and changes nothing.
func TestCISummaryThatCannotBeWritten(t *testing.T) {
	full := strings.Repeat("x", 1<<20-10)
	for _, tt := range []struct {
		name, want string
		make       func(t *testing.T, r ciRun)
	}{
		{"a directory", "which is a directory", func(t *testing.T, r ciRun) {
			writeFile(t, filepath.Join(r.summary, "x"), "", 0o600)
		}},
		{"a symbolic link", "which is a symbolic link", func(t *testing.T, r ciRun) {
			writeFile(t, r.path("victim"), "", 0o600)
			if err := os.Symlink("victim", r.summary); err != nil {
				t.Fatal(err)
			}
		}},
		{"a pipe", "which is not a regular file", func(t *testing.T, r ciRun) {
			if err := unix.Mkfifo(r.summary, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"full", "has 1048566 bytes", func(t *testing.T, r ciRun) { writeFile(t, r.summary, full, 0o600) }},
		{"no directory", "no such file or directory", func(*testing.T, ciRun) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newCIRun(t)
			if tt.name == "no directory" {
				r.summary = r.path("none/summary.md")
			}
			tt.make(t, r)
			for _, args := range [][]string{
				{"exec", "--base-delay=1ms", "--", "sh", "-c", "test $BACKSPAN_ATTEMPT -ge 2"}, {"run", "p.yaml"},
			} {
				writeFile(t, r.path("p.yaml"), "name: n\nphases: [{name: p, steps: [{name: s, retry: "+
					"{base_delay: 1ms}, run: 'test $BACKSPAN_ATTEMPT -ge 2'}]}]\n", 0o600)
				_, stderr, code := r.do(t, nil, args...)
				if code != 0 || !strings.Contains(stderr, "backspan: the summary of the job: ") ||
					!strings.Contains(stderr, tt.want) || len(annotations(stderr)) != 1 {
					t.Errorf("exit code %d, want 0 and %q:\n%s", code, tt.want, stderr)
				}
			}
			if r.read(t, "victim") != "" || tt.name == "full" && r.read(t, "summary.md") != full {
				t.Error("it was written to")
			}
		})
	}
}

func TestJUnitFileThatCannotBeWritten(t *testing.T) {
	r := newCIRun(t)
	writeFile(t, r.path("pipeline.yaml"), "name: n\nphases: [{name: p, steps: [{name: s, run: echo > ran}]}]\n", 0o600)
	exec := []string{"exec", "--junit=J", "--", "sh", "-c", "echo > ran; exit 3"}
	run := []string{"run", "--junit=J"}
	for _, tt := range []struct {
		args      []string
		junit     string
		env, want string
		code      int
		ran       bool
	}{
		{run, ".", "", `--junit is ".", which is a directory`, 2, false},
		{run, "", "", `--junit is "", want the name of a file`, 2, false},
		{append(run, "--report-file=x"), "x", "", `--report-file and --junit are both "x"`, 2, false},
		{append(run, "--events=x"), "x", "", `--events and --junit are both "x"`, 2, false},
		{run, "pipeline.yaml/x", "", "writing pipeline.yaml/x: ", 1, true},
		{exec, ".", "", `--junit is ".", which is a directory`, 125, false},
		{exec, "", "", `--junit is "", want the name of a file`, 125, false},
		{exec, "x", "BACKSPAN_EVENTS=x", `BACKSPAN_EVENTS and --junit are both "x"`, 125, false},
		{exec, ".", "BACKSPAN_EVENTS=.", `--junit is ".", which is a directory`, 125, false},
		{exec, "pipeline.yaml/x", "", "writing pipeline.yaml/x: ", 3, true},
		{exec, "j.xml", "OTEL_PROPAGATORS=x", "j.xml is not written, as telemetry could not start", 3, true},
		{exec, "j.xml", "OTEL_SDK_DISABLED=true", "writing j.xml: nothing was recorded", 3, true},
	} {
		args := slices.Clone(tt.args)
		args[1] = "--junit=" + tt.junit
		if args[0] == "exec" {
			args = slices.Insert(args, 1, "--max-retries=0")
		}
		_, stderr, code := r.do(t, []string{tt.env}, args...)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q %s: exit code %d, want %d and %q:\n%s", args, tt.env, code, tt.code, tt.want, stderr)
		}
		if ran := os.Remove(r.path("ran")) == nil; ran != tt.ran {
			t.Errorf("%q: the command ran: %v", args, ran)
		}
	}
	if r.read(t, "j.xml") != "" {
		t.Error("a file without a test case was written")
	}
}

// Phases are known from the report when there are no spans.
func TestJUnitWithoutSpans(t *testing.T) {
	r := newCIRun(t)
	writeFile(t, r.path("pipeline.yaml"), ciPipeline, 0o600)
	r.do(t, []string{"OTEL_SDK_DISABLED=true"}, "run", "--junit=j.xml", "--only", "cache,deploy")
	file := readJUnit(t, r.path("j.xml"))
	got := file.outline(t)
	if len(got) != 7 {
		t.Fatalf("the file has\n%s", strings.Join(got, "\n"))
	}
	wantLines(t, "the last phases", got[4:], []string{
		"nightly cache",
		"nightly deploy, 1 failure: failed: push: gave up after 2 attempts: exit code 5: denied",
		"nightly notify, 1 skipped: skipped: not selected",
	})
	if table := rows(r.read(t, "summary.md")); len(table) != 1 {
		t.Errorf("the table has %q", table)
	}
}
