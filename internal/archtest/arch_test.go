package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/backspan/backspan"

// A layer is one package, or those that a pattern of package path matches, and what it may import: packages of this
// module and modules of others, in its imports and in theirs. The standard library is free to all.
type layer struct {
	packages string   // below modulePath
	ours     []string // below modulePath, patterns too
	foreign  []string // module paths; nil: none
}

var (
	// What importing the OpenTelemetry API brings along, and all that users of retry compile.
	api = []string{
		"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/trace", "go.opentelemetry.io/otel/metric",
		"go.opentelemetry.io/otel/log", "go.opentelemetry.io/auto/sdk",
		"github.com/go-logr/logr", "github.com/go-logr/stdr", "github.com/cespare/xxhash/v2",
	}
	sdk = with(api, "go.opentelemetry.io/otel/sdk", "github.com/google/uuid", "golang.org/x/sys")

	ground = []string{
		"internal/semconv", "internal/scope", "internal/boundtext", "internal/tracer", "internal/fielderror",
		"internal/spanid",
	}
	loop     = with(ground, "internal/decide")
	anything = []string{"**"}
)

// onlyCommand are modules that nothing but the command may have, not even who may have anything.
var onlyCommand = []string{"gonum.org/v1/gonum"}

// The command is not in the table: its packages lie below cmd/backspan/internal, and the compiler keeps the others out.
// verbComplaints checks these.
var layers = []layer{
	{"docs", nil, nil},
	{"internal/archtest", nil, nil},
	{"internal/semconv", nil, api},
	{"internal/scope", []string{"internal/semconv"}, api},
	{"internal/boundtext", []string{"internal/semconv"}, api},
	{"internal/tracer", []string{"internal/semconv", "internal/scope", "internal/boundtext"}, api},
	{"internal/spanid", []string{"internal/semconv", "internal/scope"}, api},
	{"internal/fielderror", nil, nil},
	{"internal/decide", []string{"internal/fielderror"}, nil},
	{"internal/jsontext", nil, nil},
	{"internal/nearest", nil, nil},
	{"internal/safefile", nil, []string{"golang.org/x/sys"}},
	{"redact", nil, nil},
	{
		"internal/otelenv",
		[]string{"internal/fielderror", "internal/safefile"},
		[]string{"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text"},
	},
	{"retry", loop, api},
	{"retry/retrytest", with(loop, "retry"), sdk},
	{"retry/retrytest/flaky", []string{"internal/nearest"}, nil},
	{"retry/retryhttp", with(loop, "retry"), api},
	{
		"orchestrator", with(loop, "internal/nearest", "retry", "orchestrator/engine"),
		with(api, "github.com/google/uuid"),
	},
	{"orchestrator/engine", with(loop, "retry"), api},
	{
		"orchestrator/internal/scenario",
		with(loop, "internal/nearest", "retry", "orchestrator", "orchestrator/engine"), sdk,
	},
	{
		"orchestrator/engine/enginetest",
		with(loop, "internal/nearest", "retry", "retry/retrytest", "orchestrator", "orchestrator/engine",
			"orchestrator/internal/scenario"),
		sdk,
	},
	{
		"orchestrator/checkpoint",
		with(loop, "internal/nearest", "internal/safefile", "retry", "orchestrator", "orchestrator/engine"),
		with(api, "github.com/google/uuid", "golang.org/x/sys"),
	},

	// These know the layers above by the spans that they write.
	{"events", []string{"redact", "internal/jsontext", "internal/safefile"}, []string{"golang.org/x/sys"}},
	{
		"telemetry", with(ground, "internal/jsontext", "internal/otelenv", "internal/safefile", "events", "redact"),
		anything,
	},
	{"examples", anything, anything},
	{"examples/*", anything, anything},
	{"examples/internal/*", nil, nil},
}

func TestNobodyImportsUpwards(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		packages := list(t, system)
		if len(packages[modulePath+"/retry"].Deps) == 0 {
			t.Fatalf("%s: go list knows no dependency of retry: there is nothing to check", system)
		}
		for _, complaint := range append(complaints(packages), verbComplaints(packages)...) {
			t.Errorf("%s: %s", system, complaint)
		}
	}
}

// complaints must report each forbidden arrow, also through a package in between.
func TestForbiddenArrowsAreSeen(t *testing.T) {
	const otelSDK = "go.opentelemetry.io/otel/sdk/trace"
	for _, c := range []struct{ from, to string }{
		{"retry", otelSDK},
		{"orchestrator", otelSDK},
		{"retry/retryhttp", otelSDK},
		{"internal/tracer", otelSDK},
		{"retry", modulePath + "/orchestrator"},
		{"retry", modulePath + "/telemetry"},
		{"retry", modulePath + "/events"},
		{"retry", modulePath + "/retry/retrytest"},
		{"retry/retrytest/flaky", "testing"},
		{"orchestrator", modulePath + "/telemetry"},
		{"telemetry", modulePath + "/retry"},
		{"telemetry", modulePath + "/orchestrator"},
		{"events", modulePath + "/internal/semconv"},
		{"events", "go.opentelemetry.io/otel"},
		{"internal/scope", modulePath + "/retry"},
		{"internal/otelenv", modulePath + "/telemetry"},
		{"internal/otelenv", otelSDK},
		{"internal/nearest", modulePath + "/internal/semconv"},
		{"retry", modulePath + "/cmd/backspan"},
		{"telemetry", "gonum.org/v1/gonum"},
		{"somewhere/new", "fmt"},
	} {
		packages := map[string]pkg{
			modulePath + "/" + c.from: {
				ImportPath: modulePath + "/" + c.from, Module: module(modulePath), Deps: []string{"fmt", c.to},
			},
			"fmt": {ImportPath: "fmt", Standard: true},
		}
		if _, known := packages[c.to]; !known {
			owner := modulePath
			if !strings.HasPrefix(c.to, modulePath) {
				owner = strings.TrimSuffix(c.to, "/trace")
			}
			packages[c.to] = pkg{ImportPath: c.to, Module: module(owner)}
		}
		about := func(s string) bool { return strings.HasPrefix(s, c.from+" ") }
		if got := complaints(packages); !slices.ContainsFunc(got, about) {
			t.Errorf("%s -> %s: complaints = %q, want one about %s", c.from, c.to, got, c.from)
		}
	}
}

// complaints says which packages of the module import what they may not.
func complaints(packages map[string]pkg) (found []string) {
	for _, p := range packages {
		name, ours := strings.CutPrefix(p.ImportPath, modulePath+"/")
		if !ours || strings.HasPrefix(name, "cmd/") {
			continue
		}
		i := slices.IndexFunc(layers, func(r layer) bool { return matches([]string{r.packages}, name) })
		if i < 0 {
			found = append(found, name+" is not in archtest's table: add it")
			continue
		}
		for _, dep := range p.Deps {
			d := packages[dep]
			if below, ours := strings.CutPrefix(dep, modulePath+"/"); ours {
				if !matches(layers[i].ours, below) {
					found = append(found, name+" must not import "+below+", nor what does")
				}
			} else if !d.Standard && (d.Module == nil || !matches(layers[i].foreign, d.Module.Path) ||
				slices.Contains(onlyCommand, d.Module.Path)) {
				found = append(found, name+" must not import "+dep+", nor what does")
			}
		}
	}
	slices.Sort(found)
	return found
}

const (
	command = modulePath + "/cmd/backspan/internal/"
	root    = command + "root"
)

// shared are the packages that root imports and that are no verbs.
var shared = []string{"cli", "settings", "manpage", "term"}

// verbComplaints says which packages of the command import a verb, as only root may.
func verbComplaints(packages map[string]pkg) (found []string) {
	var verbs []string
	for _, imported := range packages[root].Imports {
		if name, below := strings.CutPrefix(imported, command); below && !slices.Contains(shared, name) {
			verbs = append(verbs, imported)
		}
	}
	if len(verbs) == 0 {
		return []string{"root imports no verb: there is nothing to check"}
	}
	for path := range packages {
		name, below := strings.CutPrefix(path, command)
		for _, verb := range verbs {
			if below && path != root && path != verb && slices.Contains(packages[path].Deps, verb) {
				found = append(found, name+" must not import the verb "+strings.TrimPrefix(verb, command)+
					", nor what does")
			}
		}
	}
	slices.Sort(found)
	return found
}

// complaints must report a verb that imports another verb, and a part that does.
func TestImportsOfVerbsAreSeen(t *testing.T) {
	packages := map[string]pkg{
		root:             {Imports: []string{command + "run", command + "exec", command + "cli"}},
		command + "run":  {Deps: []string{command + "cli", command + "exec"}},
		command + "exec": {Deps: []string{command + "cli", command + "child"}},
		command + "cli":  {},
		command + "part": {Deps: []string{command + "run"}},
	}
	want := []string{
		"part must not import the verb run, nor what does", "run must not import the verb exec, nor what does",
	}
	if got := verbComplaints(packages); !slices.Equal(got, want) {
		t.Errorf("complaints = %q, want %q", got, want)
	}
	if got := verbComplaints(map[string]pkg{root: {Imports: []string{command + "cli"}}}); len(got) != 1 {
		t.Errorf("without a verb: complaints = %q, want one", got)
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return pattern == "**" || ok && err == nil
	})
}

type pkg struct {
	ImportPath string
	Standard   bool
	Module     *struct{ Path string }
	Imports    []string
	Deps       []string // all of them, however deep
}

func module(path string) *struct{ Path string } { return &struct{ Path string }{path} }

// list asks the go command for every package of the module and what they depend on, as built for one system.
func list(t *testing.T, system string) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Standard,Module,Imports,Deps", "./...")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS="+system)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	packages := map[string]pkg{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}

func with(list []string, more ...string) []string { return slices.Concat(list, more) }
