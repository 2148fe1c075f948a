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
		"2026-11-23T19:11:43Z: gone":                            "…-…-…Z: gone",
		"":                                                      "",
	} {
		if got := Pattern(in); got != want {
			t.Errorf("Pattern(%q) is %q, want %q", in, got, want)
		}
	}
}
