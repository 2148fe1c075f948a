package events

import (
	"os"
	"strings"
	"testing"
)

// Every line says last who wrote it, but for "truncated". A Reader gets it back, whatever the spelling.
func TestEveryLineSaysWhoWroteIt(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ service, want string }{
		{"billing", "billing"},
		{"", ""},
		{`caf\u00e9`, `caf\u00e9`},
		{strings.Repeat("x", 200), strings.Repeat("x", maxOrigin)},
		{strings.Repeat("é", 200), strings.Repeat("é", maxOrigin/6)},
	} {
		path := logPath(t)
		w := open(t, path, Options{Service: test.service})
		r := sample()
		r.Service, r.Host, r.PID = "somebody", "else", 1
		w.Write(r)
		got := records(t, path)[0]
		if got.Service != test.want || got.Host != host || got.PID != os.Getpid() {
			t.Errorf("%q: got %q, %q, %d, want %q, %q, %d",
				test.service, got.Service, got.Host, got.PID, test.want, host, os.Getpid())
		}
		if again := string(got.Append(nil)); again != content(t, path) {
			t.Errorf("%q: the record does not give the same line again:\n%s%s", test.service, again, content(t, path))
		}
	}
}

// The last keys of a line are service, host, pid and truncated, in this order.
func TestOriginIsLastInTheLine(t *testing.T) {
	r := Record{SpanID: [8]byte{1}, Service: "billing", Host: "web-1", PID: 4711}
	r.Message = strings.Repeat("x", MaxField+1)
	const end = `"0100000000000000", "service": "billing", "host": "web-1", "pid": 4711, "truncated": true}` + "\n"
	if got := string(r.Append(nil)); !strings.HasSuffix(got, end) {
		t.Errorf("got …%s, want …%s", got[len(got)-2*len(end):], end)
	}
}

func TestReaderKnowsOrigins(t *testing.T) {
	for _, line := range []string{
		string((&Record{Type: TypeRunStart, Service: "billing", Host: "web-1", PID: 4711}).Append(nil)),
		`{"pid":4711,"host":"web-1","service":"billing","type":"run_start","timestamp":"2026-01-01T00:00:00Z"}` + "\n",
	} {
		all, _ := read(t, line)
		if len(all) != 1 || all[0].Service != "billing" || all[0].Host != "web-1" || all[0].PID != 4711 {
			t.Errorf("of %s got %+v", line, all)
		}
	}
	for _, line := range []string{
		`{"timestamp": "x", "type": "run_start", "pid": "4711", "service": 1, "host": null}` + "\n",
		`{"timestamp": "x", "type": "run_start", "pid": 1e300}` + "\n",
	} {
		if all, tally := read(t, line); len(all) != 1 || all[0].PID != 0 {
			t.Errorf("of %s got %+v, %+v, want one record without a pid", line, all, tally)
		}
	}
}

// A detail that is called like one of these keys cannot be mistaken for it.
func TestDetailsCannotPoseAsOrigins(t *testing.T) {
	r := sample()
	r.Details = []Field{String("service", "a"), String("host", "b"), Int("pid", 3)}
	got := parsed(t, r.Append(nil))["details"].(map[string]any)
	if got["service_"] != "a" || got["host_"] != "b" || got["pid_"] != 3.0 || len(got) != 3 {
		t.Errorf("got %v", got)
	}
}
