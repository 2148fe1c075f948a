package steps

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

func TestLines(t *testing.T) {
	var out bytes.Buffer
	l := newLines("s", Stream{To: &out})
	for _, part := range []string{"on", "e\ntwo\nth", "", "ree\n", "\n", "end"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(part), err)
		}
	}
	l.end()
	l.end()
	if got, want := out.String(), "s | one\ns | two\ns | three\ns | \ns | end\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An edit sees neither the name nor the newline, whatever stands in them.
func TestLinesAreEdited(t *testing.T) {
	var out bytes.Buffer
	l := newLines("a | b", Stream{To: &out, Edit: func(line string) string { return "<" + line + ">" }})
	for _, part := range []string{"one | two\n\nend"} {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	l.end()
	if got, want := out.String(), "<a | b> | <one | two>\n<a | b> | <>\n<a | b> | <end>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A line without an end must not be kept for ever.
func TestAnEndlessLineIsBroken(t *testing.T) {
	var out bytes.Buffer
	l := newLines("s", Stream{To: &out})
	for range 5 {
		if _, err := l.Write(bytes.Repeat([]byte("x"), maxLine/4+1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("%d lines were handed on, want 1", n)
	}
}

type closed struct{}

var errClosed = errors.New("nobody reads")

func (closed) Write([]byte) (int, error) { return 0, errClosed }

func TestNobodyReadsTheLines(t *testing.T) {
	if _, err := newLines("s", Stream{To: closed{}}).Write([]byte("x\n")); !errors.Is(err, errClosed) {
		t.Errorf("error = %v, want %v", err, errClosed)
	}
}

func TestOutputs(t *testing.T) {
	for _, c := range []struct {
		name, stdout string
		as           pipefile.Output
		text, json   string // what comes of it; none when it is refused
	}{
		{"JSON", " {\"a\":\n 1}\n", pipefile.JSONOutput, `{"a":1}`, `{"a":1}`},
		{"a JSON text stays JSON", "\"x\"\n", pipefile.JSONOutput, `"x"`, `"x"`},
		{"a large number", "12345678901234567890", pipefile.JSONOutput, "12345678901234567890", "12345678901234567890"},
		{"two values", "1 2", pipefile.JSONOutput, "", ""},
		{"nothing", " \n", pipefile.JSONOutput, "", ""},
		{"JSON that is no UTF-8", "\"\xff\"", pipefile.JSONOutput, "", ""},
		{"text", "a\nb\r\n\n", pipefile.TextOutput, "a\nb", `"a\nb"`},
		{"no text", "\xff", pipefile.TextOutput, "", ""},
		{"a NUL", "a\x00b", pipefile.TextOutput, "", ""},
		{"the most", strings.Repeat("1", maxOutput), pipefile.JSONOutput, strings.Repeat("1", maxOutput), strings.Repeat("1", maxOutput)},
		{"more", strings.Repeat("1", maxOutput+1), pipefile.JSONOutput, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept := &capture{}
			for part := range slices.Chunk([]byte(c.stdout), 1000) {
				if n, err := kept.Write(part); n != len(part) || err != nil {
					t.Fatalf("wrote %d of %d: %v", n, len(part), err)
				}
			}
			out, err := kept.output(c.as)
			switch {
			case (err == nil) != (c.json != ""):
				t.Errorf("error = %v", err)
			case err == nil && (out.text != c.text || string(out.json) != c.json):
				t.Errorf("got %.50q and %.50q, want %.50q and %.50q", out.text, out.json, c.text, c.json)
			}
		})
	}
}

func TestAllOutputsTogetherAreBounded(t *testing.T) {
	r := &Runner{outputs: map[string]map[string]string{}, upstream: map[string]map[string]string{}, before: map[string][]string{}}
	for _, name := range strings.Split("a b c d e f g h", " ") {
		r.before["last"] = append(r.before["last"], name)
		r.outputs[name] = map[string]string{name: strings.Repeat("x", maxOutput-1)}
	}
	p := &phaseRun{Runner: r, phase: &pipefile.Phase{Name: "last"}}
	own := map[string]string{}
	if err := p.tellOutputs(command.Environment{}, own); err != nil {
		t.Errorf("error = %v for what just fits", err)
	}
	own["own"] = "one more"
	if err := p.tellOutputs(command.Environment{}, own); err == nil {
		t.Error("no error for more than fits")
	}
}

// A command is told the outputs of all phases before its own, also through a phase that was skipped.
func TestOutputsBefore(t *testing.T) {
	r := &Runner{
		before:   map[string][]string{"b": {"a"}, "c": {"b"}, "d": {"b", "c"}, "x": nil},
		outputs:  map[string]map[string]string{"a": {"A": "1"}, "c": {"C": "3"}, "x": {"X": "4"}}, // b was skipped
		upstream: map[string]map[string]string{},
	}
	for _, c := range []struct {
		phase string
		want  map[string]string
	}{
		{"a", map[string]string{}},
		{"c", map[string]string{"A": "1"}},
		{"d", map[string]string{"A": "1", "C": "3"}},
	} {
		if got := r.outputsBefore(c.phase); !maps.Equal(got, c.want) {
			t.Errorf("outputsBefore(%q) = %v, want %v", c.phase, got, c.want)
		}
	}
}
