package text

import (
	"strings"
	"testing"
)

const (
	unavailable = "GET /prices: 503 Service Unavailable"
	refused     = `Get "http://127.0.0.1:38229/prices": dial tcp 127.0.0.1:38229: connect: connection refused`
	reset       = `Get "http://127.0.0.1:38229/prices": read tcp 127.0.0.1:51112->127.0.0.1:38229: read: connection reset by peer`
	slow        = `Get "http://127.0.0.1:38229/prices": context deadline exceeded`
	aptURL      = "http://deb.debian.org/debian/pool/main/n/nope/nope_1_amd64.deb"
)

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{
		{refused, 200, refused},
		{refused, 40, "connection refused"},
		{refused, 10, "connectio…"},
		{reset, 30, "connection reset by peer"},
		{slow, 30, "context deadline exceeded"},
		{unavailable, 30, "503 Service Unavailable"},
		{"open /etc/backspan/a-long-name.yaml: permission denied", 30, "permission denied"},
		{"lookup api.example.com: no such host", 20, "no such host"},
		{"a message without any way", 10, "a message…"},
		{"gave up after 2 attempts: exit code 7 (first: exit code 8: bad day)", 20, "exit code 7 (first:…"},
		{"gave up: exit 7 (first: exit 8)", 25, "exit 7 (first: exit 8)"},
		{"get (a: b): c) d: refused", 10, "refused"},
		{"ends with a colon: ", 10, "ends with…"},
		{"exit code 1: bash: line 1: nope: command not found", 32, "line 1: nope: command not found"},
		{"exit code 22: curl: (22) The requested URL returned error: 404", 32, "The requested URL returned…: 404"},
		{"exit code 6: curl: (6) Could not resolve host: example.com", 32, "Could not resolve host: example…"},
		{"exit code 6: curl: (6) Could not resolve host: example.com", 12, "Could not r…"},
		{"", 10, ""},
		{"x", 0, ""},
	} {
		if got := Shorten(c.in, c.w, "…"); got != c.want {
			t.Errorf("Shorten(%q, %d) is %q, want %q", c.in, c.w, got, c.want)
		}
	}
}

// The texts are those that real commands wrote, behind what backspan puts before them.
func TestReason(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"exit code 100: 404  Not Found [IP: 151.101.2.132 80]", "404 Not Found [IP: 151.101.2.132 80]"},
		{
			"exit code 100: E: Failed to fetch " + aptURL + "  404  Not Found [IP: 151.101.2.132 80]\n" +
				"E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?",
			"404 Not Found [IP: 151.101.2.132 80]",
		},
		{
			"exit code 1: ERROR: Could not find a version that satisfies the requirement nope==9 (from versions: 1.0, 1.1)",
			"Could not find a version that satisfies the requirement nope==9 (from versions: 1.0, 1.1)",
		},
		{
			"exit code 1: ERROR: Could not find a version that satisfies the requirement nope (from versions: none)\n" +
				"ERROR: No matching distribution found for nope",
			"Could not find a version that satisfies the requirement nope (from versions: none)",
		},
		{"exit code 6: curl: (6) Could not resolve host: example.com", "Could not resolve host: example.com"},
		{"exit code 6: curl: (6) Could not resolve host: localhost", "Could not resolve host: localhost"},
		{
			"exit code 7: curl: (7) Failed to connect to localhost port 1 after 0 ms: Couldn't connect to server",
			"Couldn't connect to server",
		},
		{"exit code 22: curl: (22) The requested URL returned error: 503", "The requested URL returned error: 503"},
		{
			"exit code 128: fatal: unable to access 'https://git.invalid/x.git/': Could not resolve host: git.invalid",
			"Could not resolve host: git.invalid",
		},
		{"exit code 255: ssh: connect to host db port 22: Connection refused", "Connection refused"},
		{
			"exit code 2: psql: error: connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused\n" +
				"\tIs the server running on that host and accepting TCP/IP connections?",
			"Connection refused",
		},
		{
			"exit code 125: docker: Error response from daemon: Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup " +
				"registry-1.docker.io on 127.0.0.11:53: no such host.\nSee 'docker run --help'.",
			"no such host.",
		},
		{
			"exit code 1: Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\n    import nope\n" +
				"ModuleNotFoundError: No module named 'nope'",
			"No module named 'nope'",
		},
		{
			"exit code 1: requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x', port=443): Max retries exceeded " +
				"with url: / (Caused by NameResolutionError(\"<x>: Failed to resolve 'x'\"))",
			"Max retries exceeded with url: / (Caused by NameResolutionError(\"<x>: Failed to resolve 'x'\"))",
		},
		{
			"exit code 1: java.net.UnknownHostException: example.com",
			"exit code 1: java.net.UnknownHostException: example.com",
		},
		{
			"exit code 23: rsync: [sender] link_stat \"/x\" failed: No such file or directory (2)\n" +
				"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1338)",
			"No such file or directory (2)",
		},
		{
			"exit code 2: cc: error: x.c: No such file or directory\nmake: *** [Makefile:2: all] Error 1",
			"No such file or directory",
		},
		{"exit code 8: wget: unable to resolve host address 'x.invalid'", "unable to resolve host address 'x.invalid'"},
		{
			"rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp " +
				"127.0.0.1:1: connect: connection refused\"",
			"connection refused\"",
		},
		{"rpc error: code = Unavailable desc = the shop is closed", "the shop is closed"},
		{`Get "http://127.0.0.1:1/": EOF`, "EOF"},
		{`Get "http://127.0.0.1:1/": timeout`, "timeout"},
		{"fetch: read tcp 127.0.0.1:1->127.0.0.1:2: i/o timeout", "i/o timeout"},
		{"exit code 1: getaddrinfo: ENOTFOUND", "ENOTFOUND"},
		{"exit code 1: 错误: 无法解析主机: example.com", "无法解析主机: example.com"},
		{"killed by SIGKILL", "killed by SIGKILL"},
		{"", ""},
	} {
		if got := Reason(c.in); got != c.want {
			t.Errorf("%q\n is %q,\nwant %q", c.in, got, c.want)
		}
	}
}

// The end of brackets is looked for nearby only: a text of opening brackets would otherwise be gone over once for each.
func TestBracketsEndNearby(t *testing.T) {
	const nearby = 512
	for _, c := range []struct{ inside, want int }{{0, 2}, {nearby - 2, nearby}, {nearby - 1, 0}, {1 << 20, 0}} {
		if got := bracketed("(" + strings.Repeat("x", c.inside) + ")"); got != c.want {
			t.Errorf("%d bytes in brackets: %d, want %d", c.inside, got, c.want)
		}
	}
}

// The reason of a text of a megabyte, or of brackets alone, is bounded.
func TestReasonOfALongText(t *testing.T) {
	for _, part := range []string{"(", "a: ", "[{(", "( ", "e"} {
		long := strings.Repeat(part, 1<<20)
		if got := Reason("get: the beginning" + long + "the end"); len(got) > 4*MaxText {
			t.Errorf("%q: the reason has %d bytes", part, len(got))
		}
		if got := Shorten(long, 40, "…"); Width(got) > 40 {
			t.Errorf("%q: %d columns, want 40 at most", part, Width(got))
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("exit code 1: a: (b: c  d", 9)
	f.Add("( [ : ) ] :  /  x", 5)
	f.Fuzz(func(t *testing.T, s string, w int) {
		w %= 200
		got := Shorten(s, w, "…")
		if Width(got) > max(w, 0) || strings.ContainsAny(got, "\n\t") {
			t.Errorf("Shorten(%q, %d) is %q, of %d columns", s, w, got, Width(got))
		}
	})
}
