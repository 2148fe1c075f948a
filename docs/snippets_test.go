// Package docs_test checks that every Go snippet of the README and of the guide compiles against the packages as they
// are.
package docs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// pages are the files that have snippets.
var pages = []string{"../README.md", "guide.md"}

// known are the packages that snippets may use without saying so.
var known = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "regexp": "regexp", "slices": "slices",
	"testing": "testing", "time": "time",
	"orchestrator": "github.com/backspan/backspan/orchestrator",
	"redact":       "github.com/backspan/backspan/redact",
	"retry":        "github.com/backspan/backspan/retry",
	"http":         "net/http",
	"retryhttp":    "github.com/backspan/backspan/retry/retryhttp",
	"flaky":        "github.com/backspan/backspan/retry/retrytest/flaky",
	"retrytest":    "github.com/backspan/backspan/retry/retrytest",
	"telemetry":    "github.com/backspan/backspan/telemetry",
}

// around stands for the reader's own program: what snippets call without declaring it.
const around = `
func fetch(url string) error { return nil }
var (
	ctx               context.Context
	policy            retry.Policy
	mux               http.Handler
	errConfiguration  = errors.New("unknown key")
)
func fetchMarketData(context.Context) (string, error)            { return "", nil }
func loadData(context.Context) error                             { return nil }
func connect(context.Context) error                              { return nil }
func readConfig(context.Context) error                           { return nil }
func flakyOperation(context.Context) error                       { return nil }
func prepare(context.Context, orchestrator.Input) (any, error)   { return nil, nil }
func analyse(context.Context, orchestrator.Input) (any, error)   { return nil, nil }
`

// block is a snippet, and the comment before it that names the test which compiles it, if that is another one.
var block = regexp.MustCompile("(?ms)(^<!-- of: \\S+ -->\n)?^```go\n(.*?)^```$")

func TestGoSnippetsCompile(t *testing.T) {
	lookup := exportData(t)
	snippets := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range block.FindAllSubmatchIndex(text, -1) {
			if at[2] >= 0 {
				continue
			}
			snippets++
			if err := compile(string(text[at[4]:at[5]]), lookup); err != nil {
				t.Errorf("%s:%d: %v", page, 1+bytes.Count(text[:at[4]], []byte("\n")), err)
			}
		}
	}
	if snippets < 9 {
		t.Fatalf("%d snippets found, want at least 9: does the pattern still fit?", snippets)
	}
}

// A snippet that uses what is not there must be caught, or the test above proves nothing.
func TestAWrongSnippetIsCaught(t *testing.T) {
	lookup := exportData(t)
	for _, snippet := range []string{
		"err := retry.Dooo(ctx, \"name\", policy, loadData)\n",
		"policy := retry.Policy{MaxRetry: 3}\n",
		"func broken() {\n",
	} {
		if compile(snippet, lookup) == nil {
			t.Errorf("this compiled:\n%s", snippet)
		}
	}
}

// compile type-checks a snippet: declarations as they stand, statements in a function.
func compile(snippet string, lookup importer.Lookup) error {
	if !strings.HasPrefix(snippet, "func ") {
		snippet = "func _() error {\n" + snippet + "\nreturn nil\n}\n"
	}
	body := around + snippet
	var source strings.Builder
	source.WriteString("package snippet\n")
	for name, path := range known {
		if strings.Contains(body, name+".") {
			fmt.Fprintf(&source, "import %q\n", path)
		}
	}
	source.WriteString(body)
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "snippet.go", source.String(), 0)
	if err != nil {
		return err
	}
	var hard []error
	config := types.Config{
		Importer: importer.ForCompiler(fset, "gc", lookup),
		Error: func(err error) {
			var typed types.Error
			if !errors.As(err, &typed) || !typed.Soft { // soft: declared and not used, as snippets are
				hard = append(hard, err)
			}
		},
	}
	_, _ = config.Check("snippet", fset, []*ast.File{file}, nil) // hard has its errors
	return errors.Join(hard...)
}

// exportData finds the compiled packages that snippets may import, and what those import.
func exportData(t *testing.T) importer.Lookup {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, path := range known {
		args = append(args, path)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), "go", args...)
	command.Stderr = os.Stderr
	list, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(list)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			files[path] = file
		}
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}
