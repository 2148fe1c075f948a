package session

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

var epoch = time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC)

func traceID(n uint64) (id trace.TraceID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func spanID(n uint64) (id trace.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// span makes an operation of trace 1 called by its id, from and to in milliseconds.
func span(id, parent uint64, from, to int, attributes ...attribute.KeyValue) Span {
	s := Span{
		Kind: semconv.KindOperation, Name: fmt.Sprint(id),
		TraceID: traceID(1), SpanID: spanID(id), ParentID: spanID(parent),
		Start: epoch.Add(ms(from)), End: epoch.Add(ms(to)),
		Attributes: attributes,
	}
	return s
}

// ms is a duration in milliseconds.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// as gives a span another kind.
func as(kind string, s Span) Span {
	s.Kind = kind
	return s
}

// shape writes trees as 1(2 3(4)).
func shape(nodes []*Node) string {
	var b strings.Builder
	for i, n := range nodes {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(n.Name)
		if len(n.Children) > 0 {
			b.WriteString("(" + shape(n.Children) + ")")
		}
	}
	return b.String()
}

func TestTrees(t *testing.T) {
	noEnd := span(3, 1, 5, 0)
	noEnd.End = time.Time{}
	noID := span(0, 0, 5, 6)
	otherTrace := span(9, 1, 5, 6)
	otherTrace.TraceID = traceID(2)
	for _, c := range []struct {
		name  string
		spans []Span
		want  string
	}{
		{"nothing", nil, ""},
		{"parents after children", []Span{span(3, 2, 2, 3), span(2, 1, 1, 4), span(1, 0, 0, 5)}, "1(2(3))"},
		{"sorted by time", []Span{span(1, 0, 0, 9), span(2, 1, 5, 6), span(3, 1, 1, 2)}, "1(3 2)"},
		{"several roots", []Span{span(2, 0, 5, 6), span(1, 0, 0, 1)}, "1 2"},
		{"a missing parent", []Span{span(1, 0, 0, 9), span(2, 77, 1, 2)}, "1 2"},
		{"the parent is of another trace", []Span{span(1, 0, 0, 9), otherTrace}, "1 9"},
		{"twice", []Span{span(1, 0, 0, 9), span(2, 1, 1, 2), span(2, 1, 1, 2)}, "1(2)"},
		{"its own parent", []Span{span(1, 1, 0, 9), span(2, 1, 1, 2)}, "1(2)"},
		{"a circle of two", []Span{span(1, 2, 0, 9), span(2, 1, 1, 2)}, "1(2)"},
		{
			"a tail on a circle", []Span{
				span(4, 3, 3, 4), span(1, 3, 0, 9), span(2, 1, 1, 2), span(3, 2, 2, 3),
			}, "3(1(2) 4)",
		},
		{"no end", []Span{span(1, 0, 0, 9), noEnd}, "1(3)"},
		{"no ids", []Span{noID, noID, span(1, 0, 0, 9)}, "1 0 0"},
	} {
		if got := shape(New(c.spans).Roots); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTreesTakesTheTwinThatEnded(t *testing.T) {
	open := span(1, 0, 0, 0)
	open.End = time.Time{}
	for _, spans := range [][]Span{{open, span(1, 0, 0, 9)}, {span(1, 0, 0, 9), open}} {
		roots := New(spans).Roots
		if len(roots) != 1 || roots[0].Open || !roots[0].To.Equal(epoch.Add(ms(9))) {
			t.Errorf("got %d roots, the first open %v until %v", len(roots), roots[0].Open, roots[0].To)
		}
	}
}

func TestTreesSettlesTimes(t *testing.T) {
	backwards := span(1, 0, 5, 3)
	open := span(2, 0, 4, 0)
	open.End = time.Time{}
	nowhere := span(3, 0, 0, 0)
	nowhere.Start, nowhere.End = time.Time{}, time.Time{}
	last := span(4, 0, 6, 9)
	for _, n := range New([]Span{backwards, open, nowhere, last}).Roots {
		var from, to time.Time
		switch n.Name {
		case "1":
			from, to = epoch.Add(ms(5)), epoch.Add(ms(5))
		case "2":
			from, to = epoch.Add(ms(4)), epoch.Add(ms(9))
		case "3": // from the first time known to the last
			from, to = epoch.Add(ms(3)), epoch.Add(ms(9))
		case "4":
			from, to = epoch.Add(ms(6)), epoch.Add(ms(9))
		}
		if !n.From.Equal(from) || !n.To.Equal(to) {
			t.Errorf("span %s is from %v to %v, want %v to %v", n.Name, n.From, n.To, from, to)
		}
	}
}

// Every span is in the trees once, however deep the nesting.
func TestTreesDeep(t *testing.T) {
	const deep = 100_000
	spans := make([]Span, 0, deep)
	for i := range uint64(deep) {
		spans = append(spans, span(i+1, i, 0, 9))
	}
	slices.Reverse(spans)
	found, deepest := 0, 0
	var walk func([]*Node, int)
	walk = func(nodes []*Node, level int) {
		for _, n := range nodes {
			found++
			deepest = max(deepest, level)
			for _, c := range n.Children {
				if c.Parent != n {
					t.Fatalf("the parent of %s is not the node it is a child of", c.Name)
				}
			}
			walk(n.Children, level+1)
		}
	}
	walk(New(spans).Roots, 0)
	if found != deep || deepest != maxLevel+1 {
		t.Errorf("found %d spans on %d levels, want %d on %d", found, deepest, deep, maxLevel+1)
	}
}

// A big circle and the tails on it are cut once.
func TestTreesCircle(t *testing.T) {
	const around = 50_000
	spans := make([]Span, 0, 2*around)
	for i := range uint64(around) {
		spans = append(spans, span(i+1, (i+1)%around+1, 0, 9), span(around+i+1, i+1, 0, 9))
	}
	if got := len(flat(New(spans).Roots)); got != 2*around {
		t.Errorf("found %d spans, want %d", got, 2*around)
	}
}

func TestTreesAdopts(t *testing.T) {
	depth := func(n int) attribute.KeyValue { return semconv.DepthKey.Int(n) }
	phase := func(name string) attribute.KeyValue { return semconv.PhaseNameKey.String(name) }
	attempt := func(s Span) Span { return as(semconv.KindAttempt, s) }
	outer := []Span{span(1, 0, 0, 100), attempt(span(2, 1, 0, 40)), attempt(span(3, 1, 50, 100))}
	besides := slices.Clip(append([]Span{span(1, 77, 0, 100)}, outer[1:]...))
	inner := slices.Clip(append(slices.Clone(outer), span(4, 3, 50, 100, depth(1)), attempt(span(5, 4, 50, 100))))
	recovered := semconv.OutcomeKey.String(semconv.OutcomeRecovered)
	phases := []Span{
		as(semconv.KindRun, span(1, 0, 0, 100)),
		as(semconv.KindPhase, span(2, 1, 0, 60, phase("a"))), attempt(span(3, 2, 0, 60, phase("a"))),
		as(semconv.KindPhase, span(4, 1, 0, 100, phase("b"))), attempt(span(5, 4, 0, 100, phase("b"))),
	}
	for _, c := range []struct {
		name  string
		spans []Span
		want  string
	}{
		{"below the attempt it ran in", append(outer, span(9, 77, 60, 70, depth(1))), "1(2 3(9))"},
		{"without depth, which what succeeds at once need not have", append(outer, span(9, 77, 60, 70)), "1(2 3(9))"},
		{"not without depth when it was retried", append(outer, span(9, 77, 60, 70, recovered)), "1(2 3) 9"},
		{"not below a neighbour with the same unknown parent", append(besides, span(9, 77, 60, 70)), "1(2 3) 9"},
		{"the outer loop of two, by its depth", append(inner, span(9, 77, 60, 70, depth(1))), "1(2 3(4(5) 9))"},
		{"the inner loop of two, by its depth", append(inner, span(9, 77, 60, 70, depth(2))), "1(2 3(4(5(9))))"},
		{"the inner loop of two, without depth", append(inner, span(9, 77, 60, 70)), "1(2 3(4(5(9))))"},
		{
			"the inner loop of two that says no depth, by that of the outer one",
			append(outer, span(4, 3, 50, 100), attempt(span(5, 4, 50, 100)), span(9, 77, 60, 70, depth(2))),
			"1(2 3(4(5(9))))",
		},
		{"not outside of any attempt", append(outer, span(9, 77, 42, 48, depth(1))), "1(2 3) 9"},
		{"not when it is deeper", append(outer, span(9, 77, 60, 70, depth(2))), "1(2 3) 9"},
		{
			"not when two attempts may be meant",
			append(outer, attempt(span(4, 1, 50, 100)), span(9, 77, 60, 70, depth(1))), "1(2 3 4) 9",
		},
		{"not a root", append(outer, span(9, 0, 60, 70, depth(1))), "1(2 3) 9"},
		{
			"by its phase, of two in parallel", append(phases, span(9, 77, 10, 20, phase("a"), depth(1))),
			"1(2(3(9)) 4(5))",
		},
		{"by its phase, without depth", append(phases, span(9, 77, 10, 20, phase("b"))), "1(2(3) 4(5(9)))"},
		{"not of another phase", append(phases, span(9, 77, 10, 20, phase("c"))), "1(2(3) 4(5)) 9"},
	} {
		if got := shape(New(slices.Clone(c.spans)).Roots); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// A tree takes a few large pieces of memory and none for each span. It did with one of: nodes, lists of children and
// lists of tries by themselves, a wait for tries without one, groups of tries that nobody looks for.
func TestATreeTakesFewPiecesOfMemory(t *testing.T) {
	const operations = 1000
	spans := []Span{as(semconv.KindRun, span(1, 0, 0, 10*operations))}
	for i := range operations {
		id := uint64(3*i + 2)
		spans = append(spans, span(id, 1, 10*i, 10*i+9), as(semconv.KindAttempt, span(id+1, id, 10*i, 10*i+1)),
			as(semconv.KindAttempt, span(id+2, id, 10*i+2, 10*i+9)))
	}
	pieces := testing.AllocsPerRun(10, func() { New(spans) })
	if most := float64(len(spans)) / 10; pieces > most {
		t.Errorf("the tree of %d spans takes %v pieces of memory, want %v at most", len(spans), pieces, most)
	}
}

// Many spans without their parents are no reason to take long.
func TestTreesManyOrphans(t *testing.T) {
	var spans []Span
	for i := range uint64(20_000) {
		spans = append(spans, span(i+1, i+1_000_000, int(i), int(i)+1, semconv.DepthKey.Int(1)))
	}
	start := time.Now()
	roots := New(spans).Roots
	if len(roots) != len(spans) {
		t.Errorf("got %d roots, want %d", len(roots), len(spans))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
