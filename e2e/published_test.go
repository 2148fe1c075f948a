package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/backspan/backspan/e2e/internal/program"
	"github.com/backspan/backspan/e2e/internal/publish"
)

// What a user types after publication works today: the modules come from a proxy made of this tree, everything else
// from the module cache that the build of this tree has filled, and nothing from the network.
func TestModulesAsPublished(t *testing.T) {
	proxy := t.TempDir()
	for _, m := range published(t) {
		if err := publish.Proxy(root, proxy, m); err != nil {
			t.Fatalf("module %s: %v", m.Path(), err)
		}
	}
	env := map[string]string{
		"GOPROXY": "file://" + filepath.ToSlash(proxy) + ",file://" + filepath.ToSlash(goEnv(t, "GOMODCACHE")) +
			"/cache/download",
		"GOSUMDB":     "off", // it cannot know a module that is not published
		"GOMODCACHE":  t.TempDir(),
		"GOCACHE":     goEnv(t, "GOCACHE"),
		"GOFLAGS":     "-trimpath -modcacherw", // so that the next run finds the objects of this one, and can clean up
		"GOTOOLCHAIN": "local",
	}

	t.Run("go install", func(t *testing.T) {
		bin := t.TempDir()
		install := maps.Clone(env)
		install["GOBIN"] = bin
		must(t, program.Command{
			Path: "go", Args: []string{"install", "github.com/backspan/backspan/cmd/backspan@latest"},
			Dir: t.TempDir(), Env: install,
		})
		installed := filepath.Join(bin, "backspan")

		version := must(t, program.Command{Path: installed, Args: []string{"--version"}})
		if !strings.HasPrefix(version.Stdout, "backspan version "+publish.Version+", ") {
			t.Errorf("backspan --version: %q, want the published version %s", version.Stdout, publish.Version)
		}
		// What the demo shows is shipped with it.
		must(t, program.Command{
			Path: installed, Args: []string{"demo", "--scenario", "healthy", "--no-export"}, Dir: t.TempDir(),
		})
	})

	t.Run("an importing program", func(t *testing.T) {
		dir, printed := useModules(t, env, "user", "retry", "orchestrator", "telemetry")
		if want := "success after 3 calls\n"; printed != want {
			t.Errorf("it printed %q, want %q", printed, want)
		}
		readEvents(t, filepath.Join(dir, eventsFile))
	})

	t.Run("a gRPC client", func(t *testing.T) {
		_, printed := useModules(t, env, "usergrpc", "retry/retrygrpc")
		if want := "SERVING after 3 calls\n"; printed != want {
			t.Errorf("it printed %q, want %q", printed, want)
		}
	})

	t.Run("a pipeline on Temporal", func(t *testing.T) {
		_, printed := useModules(t, env, "usertemporal", "orchestrator/temporal")
		if want := "registered; unreachable: true\n"; !strings.HasSuffix(printed, want) { // the SDK's log comes first
			t.Errorf("it printed %q, want %q", printed, want)
		}
	})
}

// useModules builds the program in testdata/name, in a folder and a module of its own, with the packages of ours that
// it imports. It runs it there and returns the folder and what it printed.
func useModules(t *testing.T, env map[string]string, name string, packages ...string) (dir, printed string) {
	t.Helper()
	dir = t.TempDir()
	source := readFile(t, filepath.Join("testdata", name, "main.go"))
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	get := []string{"get"}
	for _, p := range packages {
		get = append(get, "github.com/backspan/backspan/"+p+"@latest")
	}
	for _, args := range [][]string{
		{"mod", "init", "example.com/user"}, get, {"vet", "."}, {"build", "-o", "user", "."},
	} {
		must(t, program.Command{Path: "go", Args: args, Dir: dir, Env: env})
	}
	return dir, must(t, program.Command{Path: filepath.Join(dir, "user"), Dir: dir}).Stdout
}

// A replace would make `go install …@latest` refuse, and an exclude would be ignored by those who import.
func TestPublishedModulesReplaceNothing(t *testing.T) {
	for _, m := range published(t) {
		if n := len(m.File.Replace) + len(m.File.Exclude); n > 0 {
			t.Errorf("%s/go.mod has %d replace or exclude directives", m.Dir, n)
		}
		for _, r := range m.File.Require {
			if strings.HasPrefix(r.Mod.Path, "github.com/backspan/") && r.Mod.Version != publish.Version {
				t.Errorf("%s/go.mod requires %v, want version %s", m.Dir, r.Mod, publish.Version)
			}
		}
	}
}

// go.work names every module with code: a module that it does not name is not tested. The tools' modules have no code.
func TestEveryModuleIsInTheWorkspace(t *testing.T) {
	work, err := modfile.ParseWork("go.work", []byte(readFile(t, filepath.Join(root, "go.work"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := publish.Modules(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		named := slices.ContainsFunc(work.Use, func(u *modfile.Use) bool { return path.Clean(u.Path) == m.Dir })
		if tools := strings.HasPrefix(m.Dir, "tools/"); named == tools {
			t.Errorf("%s: in go.work %v, a module of tools %v", m.Dir, named, tools)
		}
	}
}

// published lists the modules that users can fetch.
func published(t *testing.T) (modules []publish.Module) {
	t.Helper()
	all, err := publish.Modules(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if !m.Internal() {
			modules = append(modules, m)
		}
	}
	if len(modules) == 0 {
		t.Fatal("found no module to publish")
	}
	return modules
}

// must runs a command that has to succeed.
func must(t *testing.T, c program.Command) program.Result {
	t.Helper()
	result, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if result.Code != 0 {
		t.Fatalf("%s %s: %v", c.Path, strings.Join(c.Args, " "), result)
	}
	return result
}

// goEnv asks the go command for one of its settings, as they are for the tests themselves.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
