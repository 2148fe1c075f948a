package text

import "testing"

func TestPattern(t *testing.T) {
	for in, want := range map[string]string{
		"connection refused": "connection refused",
		"dial tcp 10.12.4.17:443: connect: connection refused": "dial tcp …: connect: connection refused",
		"shard 7: 503 Service Unavailable (Retry-After: 2)":    "shard …: 503 Service Unavailable (Retry-After: …)",
		"The requested URL returned error: 502":                "The requested URL returned error: 502",
		"(6) Could not resolve host: example.com":              "(6) Could not resolve host: example.com",
		"exit code 75":                                          "exit code 75",
		"not yet, try 2":                                        "not yet, try …",
		"timed out after 500ms":                                 "timed out after …ms",
		"deadline exceeded after 2.5s":                          "deadline exceeded after …s",
		"x509: certificate signed by unknown authority":         "x509: certificate signed by unknown authority",
		"order 4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c is missing": "order … is missing",
		"no object 0xdeadbeef in pack 8be4df61a3c2":             "no object … in pack …",
		"listen tcp :8080: address already in use":              "listen tcp :…: address already in use",
		"2026-11-23T19:11:43Z: gone":                            "…Z: gone",
		`exec: "nosuch": executable file not found in $PATH`:    `exec: "…": executable file not found in $PATH`,
		"no column 'prices' in `table 7`":                       "no column '…' in `…`",
		"couldn't open 'a b': it's gone":                        "couldn't open '…': it's gone",
		"der Datei “b” und «c» fehlt":                           "der Datei “…” und «…» fehlt",
		"dial tcp [2001:db8::1]:443: no route":                  "dial tcp […]:…: no route",
		"dial tcp [::1]:443: refused":                           "dial tcp […]:…: refused",
		"from fe80:0:0:1::2 no answer":                          "from … no answer",
		"pod web-7d9f8b6c5-x2x9k is gone":                       "pod web-… is gone",
		"api v1beta1 over http2 with sha256":                    "api v1beta1 over http2 with sha256",
		"std::exception: 01HZX3J9KQ":                            "std::exception: …",
		"":                                                      "",
	} {
		if got := Pattern(in); got != want {
			t.Errorf("Pattern(%q) is %q, want %q", in, got, want)
		}
	}
}
