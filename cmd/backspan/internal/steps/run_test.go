package steps

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

func TestLines(t *testing.T) {
	var out bytes.Buffer
	l := newLines("s", Stream{To: &out}, false)
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
	l := newLines("a | b", Stream{To: &out, Edit: func(line string) string { return "<" + line + ">" }}, false)
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
	l := newLines("s", Stream{To: &out}, false)
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
	if _, err := newLines("s", Stream{To: closed{}}, false).Write([]byte("x\n")); !errors.Is(err, errClosed) {
		t.Errorf("error = %v, want %v", err, errClosed)
	}
	if n, err := newLines("s", Stream{To: closed{}}, true).Write([]byte("x\n")); n != 2 || err != nil {
		t.Errorf("what cleans up wrote %d bytes, error %v; want 2 and none", n, err)
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
		{"no line of text", " \t\n\n", pipefile.TextOutput, "", ""},
		{"nothing at all, as text", "", pipefile.TextOutput, "", ""},
		{"nothing, and that is right", "\n", pipefile.TextOrEmptyOutput, "", `""`},
		{"no text", "\xff", pipefile.TextOutput, "", ""},
		{"a NUL", "a\x00b", pipefile.TextOutput, "", ""},
		{
			"the most", strings.Repeat("1", maxOutput), pipefile.JSONOutput, strings.Repeat("1", maxOutput),
			strings.Repeat("1", maxOutput),
		},
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
	r := &Runner{file: &pipefile.File{}, produced: map[string]*produced{}, upstream: map[string][]string{}}
	for _, name := range strings.Split("a b c d e f g h", " ") {
		r.upstream["last"] = append(r.upstream["last"], name)
		text := strings.Repeat("x", maxOutput-len(pipefile.OutputVariable(name, "s")))
		r.produced[name] = &produced{outputs: map[string]*output{"s": {text: text}}}
	}
	p := &phaseRun{Runner: r, phase: &pipefile.Phase{Name: "last"}}
	own := map[string]*output{}
	if err := p.tellOutputs(command.Environment{}, pipefile.Step{}, own, false); err != nil {
		t.Errorf("error = %v for what just fits", err)
	}
	own["own"] = &output{text: "one more"}
	if err := p.tellOutputs(command.Environment{}, pipefile.Step{}, own, false); err == nil {
		t.Error("no error for more than fits")
	}
}
