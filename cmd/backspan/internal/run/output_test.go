package run

import "testing"

// What a step writes may colour its lines on a terminal, and nothing else.
func TestPrintable(t *testing.T) {
	for line, want := range map[string]string{
		"plain\ttext äö €":         "plain\ttext äö €",
		"10%\r50%\r100%\r":         "100%",
		"\x1b[31mred":              "\x1b[31mred\x1b[0m",
		"\x1b[2Jcleared":           "cleared",
		"\x1b]0;title\x07named":    "named",
		"\u009b2Jcleared":          "cleared",
		"an unfinished \u009b":     "an unfinished ",
		"a byte of C1 \x9b, alone": "a byte of C1 , alone",
		"a byte of Latin-1 \xe4":   "a byte of Latin-1 \xe4",
		"\x7f\x08\x00\u0085":       "",
	} {
		if got := printable(line); got != want {
			t.Errorf("printable(%q) = %q, want %q", line, got, want)
		}
	}
}
