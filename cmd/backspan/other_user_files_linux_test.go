package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// attack is what another user does in a directory that both can write to.
type attack struct {
	name, before string // what the other user types
	line         string // what this user types
	want         string // what this user is told, as a pattern
	after        string // a shell command that holds then
}

// Everything in these files is for their owner, or steers what a command does. What another user has put there is
// neither filled nor believed. Only root can be two other users.
func TestFilesOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		return // without a second user there is nobody else's file
	}
	const open = "umask 0; mkdir -p data/session; "
	const theirs = `is open to other users: it belongs to user (nobody|65534); remove it, or chown it to user 65533`
	for _, a := range []attack{
		{
			"result", open + ": >data/session/result.json", "backspan demo --scenario healthy; test $? = 2",
			`^backspan: data/session/result.json: ` + theirs + `; or name another file with --result\n`,
			"test ! -s data/session/result.json",
		},
		{
			"trace file", open + ": >data/session/trace.json", "backspan run one.yaml; test $? = 2",
			`^backspan: data/session/trace.json: ` + theirs, "test ! -s data/session/trace.json",
		},
		{
			"page", "umask 0; : >report.html",
			"backspan demo --scenario healthy >log 2>&1 && { backspan report; test $? = 2; }",
			`^backspan: report.html: ` + theirs, "test ! -s report.html",
		},
		{
			"event log", open + ": >data/session/events.jsonl",
			"backspan exec --max-retries 0 -- sh -c 'exit 7'; test $? = 7",
			`(?m)^backspan: events: data/session/events.jsonl: ` + theirs, "test ! -s data/session/events.jsonl",
		},
		{
			"event log, by doctor", open + ": >data/session/events.jsonl", "backspan doctor; test $? = 1",
			`problem  events +data/session/events.jsonl ` + theirs, "",
		},
		{
			"own file that all can write", "", `mkdir -p data/session; : >data/session/trace.json
chmod 666 data/session/trace.json; backspan run one.yaml; test $? = 2`,
			`trace.json: is open to other users: its mode is 0666; chmod go-w it`, "",
		},
		{
			"outputs", `umask 0; backspan run one.yaml --events data/session/events.jsonl --trace-file off >log 2>&1
sed -i s/honest/forged/ data/session/outputs/*.json; rm data/session/events.jsonl; chmod -R a+rwX data`,
			"backspan run one.yaml --trace-file off --from b; test $? = 2", `has no run of one.yaml`,
			"grep -q forged data/session/outputs/*",
		},
		{
			"configuration file", "umask 0; mkdir c; echo 'otlp_endpoint: evil.example:4317' >c/config.yaml",
			"BACKSPAN_CONFIG=c/config.yaml backspan run one.yaml; test $? = 2",
			`^backspan: BACKSPAN_CONFIG: the configuration file c/config.yaml ` + theirs, "",
		},
		{
			"configuration file's directory", "umask 0; mkdir c",
			"umask 77; echo 'service: mine' >c/config.yaml\n" +
				"BACKSPAN_CONFIG=c/config.yaml backspan run one.yaml; test $? = 2",
			`^backspan: BACKSPAN_CONFIG: the directory c of the configuration file ` + theirs, "",
		},
		{
			"configuration file that all can write", "",
			"mkdir own; : >own/c; chmod 602 own/c; BACKSPAN_CONFIG=own/c backspan run one.yaml; test $? = 2",
			`configuration file own/c is open to other users: its mode is 0602; chmod go-w it`, "",
		},
		{
			"own configuration file", "",
			"umask 22; mkdir own; : >own/c; BACKSPAN_CONFIG=own/c backspan exec -- true", `^$`, "",
		},
		{
			"man page", "umask 0; mkdir pages; ln -s ../victim pages/backspan-run.1",
			"echo mine >victim; backspan man pages; test $? = 1", `symbolic link`, "test $(cat victim) = mine",
		},
	} {
		t.Run(a.name, func(t *testing.T) { a.run(t) })
	}
}

func (a attack) run(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "backspan-users-") //nolint:usetesting // others cannot reach TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what stays is small
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const pipeline = `name: n
phases:
  - {name: a, steps: [{name: s, run: echo honest, output: text}]}
  - {name: b, steps: [{name: u, run: 'echo $BACKSPAN_OUTPUT_A_S'}]}
`
	work := filepath.Join(dir, "work")
	const setUp = `cp "$1" backspan; mkdir work; printf %s "$2" >work/one.yaml; chmod 755 . backspan; chmod 777 work
chmod 644 work/one.yaml`
	prepare := exec.CommandContext(t.Context(), "sh", "-ec", setUp, "sh", self, pipeline)
	prepare.Dir = dir
	if out, err := prepare.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	as := func(user, script string) string {
		t.Helper()
		// The capability lets the user pass directories that are open to root alone, as the root of a chroot may be.
		c := exec.CommandContext(t.Context(), "setpriv", "--reuid="+user, "--regid="+user, "--clear-groups",
			"--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "sh", "-c", script)
		c.Dir = work
		c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "OTEL_TRACES_EXPORTER=none", "HOME="+dir)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
		return string(out)
	}
	as("65534", a.before)
	if out := as("65533", a.line); !regexp.MustCompile(a.want).MatchString(out) {
		t.Errorf("%s said %q, want %q", a.line, out, a.want)
	}
	as("65533", a.after)
}
