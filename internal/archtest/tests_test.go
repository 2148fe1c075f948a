package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A test that sleeps is slow and sometimes wrong, unless time is synctest's; one that skips itself is a hole.
func TestNoTestSleepsOrSkips(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		seen++
		for _, complaint := range testComplaints(t, path, nil) {
			t.Error(complaint)
		}
		return nil
	})
	if err != nil || seen < 2 {
		t.Errorf("looked at %d test files, error %v", seen, err)
	}
}

func TestSleepsAndSkipsAreSeen(t *testing.T) {
	for _, c := range []struct {
		source string
		want   int
	}{
		{`import "time"; func f() { time.Sleep(1) }`, 1},
		{`import ("time"; "testing/synctest"); func f() { time.Sleep(1) }; var _ = synctest.Wait`, 0},
		{`import "testing"; func f(t *testing.T) { t.Skip("why"); t.SkipNow(); t.Skipf("why") }`, 3},
		{`import "testing"; func f(tb testing.TB) { tb.Helper() }`, 0},
		{`import "github.com/backspan/backspan/orchestrator"; var err = orchestrator.Skip("why")`, 0},
	} {
		if got := testComplaints(t, "x_test.go", "package x; "+c.source); len(got) != c.want {
			t.Errorf("%s: %q, want %d complaints", c.source, got, c.want)
		}
	}
}

// testComplaints reads one test file, or the source that is given in its place.
func testComplaints(t *testing.T, path string, source any) (found []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	bubble := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
		return i.Path.Value == `"testing/synctest"`
	})
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		on, _ := selector.X.(*ast.Ident)
		at := files.Position(selector.Pos()).String()
		switch name := selector.Sel.Name; {
		case name == "Sleep" && on != nil && on.Name == "time" && !bubble:
			found = append(found, at+": time.Sleep: wait for the thing itself, or use testing/synctest")
		case on != nil && on.Name == "orchestrator": // its Skip is the result of a phase
		case name == "Skip" || name == "Skipf" || name == "SkipNow":
			found = append(found, at+": "+name+": make the test possible, or let it fail")
		}
		return true
	})
	return found
}
