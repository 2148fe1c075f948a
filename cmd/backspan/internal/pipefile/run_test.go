package pipefile

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/orchestrator"
)

func TestWhatIsRetried(t *testing.T) {
	only, never := ends(t, "127,timeout"), ends(t, "signal")
	failed := func(r child.Result) error { return &commandError{result: r} }
	for _, c := range []struct {
		name   string
		policy Policy
		err    error
		want   bool
	}{
		{"any code", Policy{}, failed(child.Result{ExitCode: 1}), true},
		{"what cannot be started is not", Policy{}, failed(child.Result{Err: &child.StartError{Code: 127}}), false},
		{"but a machine without room may have some", Policy{}, failed(child.Result{Err: &child.StartError{Code: child.CodeOwn, Err: syscall.EAGAIN}}), true},
		{"while a directory that is missing stays so", Policy{}, failed(child.Result{Err: &child.StartError{Code: child.CodeOwn, Err: os.ErrNotExist}}), false},
		{"unless its code is named", Policy{RetryOn: only}, failed(child.Result{Err: &child.StartError{Code: 127}}), true},
		{"a code that is not named", Policy{RetryOn: only}, failed(child.Result{ExitCode: 1}), false},
		{"a code that is not to stop", Policy{StopOn: never}, failed(child.Result{ExitCode: 1}), true},
		{"stop_on wins", Policy{RetryOn: never, StopOn: never}, failed(child.Result{Signal: 9}), false},
		{"a bad output", Policy{}, errors.New("no JSON"), true},
		{"a bad output, when others are named", Policy{RetryOn: only}, errors.New("no JSON"), false},
	} {
		if got := c.policy.retryable(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func ends(t *testing.T, text string) *child.Ends {
	t.Helper()
	var e child.Ends
	if err := e.Add(text); err != nil {
		t.Fatal(err)
	}
	return &e
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	l := newLines("s", &out)
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

// A line without an end must not be kept for ever.
func TestAnEndlessLineIsBroken(t *testing.T) {
	var out bytes.Buffer
	l := newLines("s", &out)
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
	if _, err := newLines("s", closed{}).Write([]byte("x\n")); !errors.Is(err, errClosed) {
		t.Errorf("error = %v, want %v", err, errClosed)
	}
}

func TestOutputs(t *testing.T) {
	for _, c := range []struct {
		name, stdout string
		as           Output
		text, json   string // what comes of it; none when it is refused
	}{
		{"JSON", " {\"a\":\n 1}\n", JSONOutput, `{"a":1}`, `{"a":1}`},
		{"a JSON text stays JSON", "\"x\"\n", JSONOutput, `"x"`, `"x"`},
		{"a large number", "12345678901234567890", JSONOutput, "12345678901234567890", "12345678901234567890"},
		{"two values", "1 2", JSONOutput, "", ""},
		{"nothing", " \n", JSONOutput, "", ""},
		{"JSON that is no UTF-8", "\"\xff\"", JSONOutput, "", ""},
		{"text", "a\nb\r\n\n", TextOutput, "a\nb", `"a\nb"`},
		{"no text", "\xff", TextOutput, "", ""},
		{"a NUL", "a\x00b", TextOutput, "", ""},
		{"the most", strings.Repeat("1", MaxOutput), JSONOutput, strings.Repeat("1", MaxOutput), strings.Repeat("1", MaxOutput)},
		{"more", strings.Repeat("1", MaxOutput+1), JSONOutput, "", ""},
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
	p := &phaseRun{Runner: &Runner{outputs: map[string]map[string]string{}}}
	own := map[string]string{}
	for _, name := range strings.Split("a b c d e f g h", " ") {
		p.upstream = append(p.upstream, name)
		p.outputs[name] = map[string]string{name: strings.Repeat("x", MaxOutput-1)}
	}
	if err := p.tellOutputs(newEnvironment(nil), own); err != nil {
		t.Errorf("error = %v for what just fits", err)
	}
	own["own"] = "one more"
	if err := p.tellOutputs(newEnvironment(nil), own); err == nil {
		t.Error("no error for more than fits")
	}
}

func TestValues(t *testing.T) {
	text := "default"
	file := &File{Vars: []Var{{Name: "A", Default: &text}, {Name: "B"}}}
	for _, c := range []struct {
		name    string
		given   map[string]string
		environ []string
		want    string
	}{
		{"given", map[string]string{"A": "1", "B": ""}, []string{"A=2"}, "A=1 B="},
		{"in the environment", nil, []string{"A=2", "B=x=y"}, "A=2 B=x=y"},
		{"by default", map[string]string{"B": "2"}, nil, "A=default B=2"},
		{"not at all", nil, nil, `var "B" has no value and no default; give it with --var B=…`},
		{"too much", map[string]string{"b": ""}, nil, `"b" is no var of the file; did you mean "B"?`},
	} {
		got := ""
		values, err := file.Values(c.given, c.environ)
		if err != nil {
			got = err.Error()
		}
		for i, v := range values {
			if i > 0 {
				got += " "
			}
			got += v.Name + "=" + v.Value
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A phase that runs always or on failure, and says of nothing that it needs it, comes after what is written before it.
func TestConditionsGetTheirPlace(t *testing.T) {
	file, err := Parse("f", []byte(head+one("a", "")+one("b", "needs: [a]")+one("c", "needs: [clean]")+one("clean", "if: always")+one("z", "")))
	if err != nil {
		t.Fatal(err)
	}
	var needs []string
	for _, need := range file.Phases[3].Needs {
		needs = append(needs, need.Text)
	}
	if got := strings.Join(needs, " "); got != "a b" || file.Phases[3].If != orchestrator.Always {
		t.Errorf("it needs %q, want a and b, and not c, which needs it", got)
	}
}

func TestSelect(t *testing.T) {
	file, err := Parse("f", []byte(head+one("a", "")+one("b", "needs: [a]")+one("c", "needs: [b]")+one("d", "needs: [c, b]")+one("x", "")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		only []string
		from string
		want string
	}{
		{nil, "", "a b(a) c(b) d(c,b) x"},
		{[]string{"d", "a"}, "", "a d(a)"},
		{nil, "c", "c d(c)"},
		{[]string{"x"}, "", "x"},
		{[]string{"other"}, "", `"other" is no phase of the file, want one of a, b, c, d, x`},
	} {
		var list []string
		part, err := file.Select(c.only, c.from)
		if err != nil {
			list = append(list, err.Error())
		} else {
			for _, phase := range part.Phases {
				text := phase.Name
				for i, need := range phase.Needs {
					text += []string{"(", ","}[min(i, 1)] + need.Text
				}
				if len(phase.Needs) > 0 {
					text += ")"
				}
				list = append(list, text)
			}
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("only %v, from %q: %s, want %s", c.only, c.from, got, c.want)
		}
	}
}
