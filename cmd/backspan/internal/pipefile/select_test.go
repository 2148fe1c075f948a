package pipefile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/backspan/backspan/orchestrator"
)

func TestValues(t *testing.T) {
	text := "default"
	file := &File{Vars: []Variable[*string]{{"A", &text}, {"B", nil}}}
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
		if err == nil {
			got = fmt.Sprintf("A=%s B=%s", values["A"], values["B"])
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A phase that runs always or on failure, and says of nothing that it needs it, comes after what is written before
// it.
func TestConditionsGetTheirPlace(t *testing.T) {
	file, err := Parse("f", []byte(head+one("a", "")+one("b", "needs: [a]")+one("c", "needs: [clean]")+one("clean", "if: always")+one("z", "")))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(file.Phases[3].Needs, " "); got != "a b" || file.Phases[3].If != orchestrator.Always {
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
					text += []string{"(", ","}[min(i, 1)] + need
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
