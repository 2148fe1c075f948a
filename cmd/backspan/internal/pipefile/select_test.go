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

// needs: [] needs nothing, also with a condition, and makes the file a graph.
func TestEmptyNeeds(t *testing.T) {
	file, err := Parse("f", []byte(head+one("a", "")+one("watch", "if: always, needs: []")+one("b", "")))
	if err != nil {
		t.Fatal(err)
	}
	if file.Sequence() || len(file.Phases[1].Needs) != 0 {
		t.Errorf("sequence %v, watch needs %q; want a graph where it needs nothing",
			file.Sequence(), file.Phases[1].Needs)
	}
}

// A phase that runs always or on failure, and says of nothing that it needs it, comes after what is written before
// it.
func TestConditionsGetTheirPlace(t *testing.T) {
	file, err := Parse("f", []byte(head+one("a", "")+one("b", "needs: [a]")+one("c", "needs: [clean]")+
		one("clean", "if: always")+one("z", "")))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(file.Phases[3].Needs, " "); got != "a b" || file.Phases[3].If != orchestrator.Always {
		t.Errorf("it needs %q, want a and b, and not c, which needs it", got)
	}
}

func TestSelect(t *testing.T) {
	graph := head + one("a", "") + one("b", "needs: [a]") + one("c", "needs: [b]") + one("d", "needs: [c, b]") +
		one("x", "")
	sequence := head + one("p", "") + one("q", "") + one("r", "")
	for _, c := range []struct {
		text string
		only []string
		from string
		want string
	}{
		{graph, nil, "", "a b(a) c(b) d(c,b) x"},
		{graph, []string{"d", "a"}, "", "a d(a)"},
		{graph, nil, "c", "c d(c)"},
		{graph, []string{"x"}, "", "x"},
		{graph, []string{"x", "b"}, "", "b x"}, // neither needs the other, as before
		{graph, []string{"other"}, "", `"other" is no phase of the file, want one of a, b, c, d, x`},
		{sequence, []string{"r", "p"}, "", "p r in sequence"},
		{sequence, nil, "q", "q r in sequence"},
	} {
		file, err := Parse("f", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
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
			if part.Sequence() {
				list = append(list, "in sequence")
			}
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("only %v, from %q: %s, want %s", c.only, c.from, got, c.want)
		}
	}
}
