package steps

import (
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

// What a person would see nothing of is blank, whatever bytes it has; a path built from it would be another path.
func TestATextThatIsBlankIsNoOutput(t *testing.T) {
	for stdout, blank := range map[string]bool{
		"":                                true,
		" \t\n":                           true,
		"\x1b[0m":                         true,
		"\x1b[1m \x1b]0;title\a\x1b[0m\n": true,
		"\u200b\ufeff":                    true,
		"\r\b":                            true,
		"0":                               false,
		"\x1b[1mv2\x1b[0m":                false,
		"\x1b[v2":                         false, // text follows the sequence
		"é\n":                             false,
	} {
		kept := capture{data: []byte(stdout)}
		if _, err := kept.output(pipefile.TextOutput); (err != nil) != blank {
			t.Errorf("%q: %v, want an error: %v", stdout, err, blank)
		}
		if _, err := kept.output(pipefile.TextOrEmptyOutput); err != nil {
			t.Errorf("%q, which may be blank: %v", stdout, err)
		}
	}
}
