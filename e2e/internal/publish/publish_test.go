package publish

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestModulesHoldWhatGitHolds(t *testing.T) {
	root, proxy := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		".gitignore":          "data/\n",
		"LICENSE":             "any",
		"go.mod":              "module example.com/A\n",
		"a.go":                "package a\n",
		"subject/s.go":        "package subject\n",
		"data/written.txt":    "by a run",
		"sub/go.mod":          "module example.com/A/sub\n",
		"sub/b.go":            "package sub\n",
		"sub/deep/go.mod":     "module example.com/A/sub/deep\n",
		"sub/deep/d.go":       "package deep\n",
		"sub/testdata/go.mod": "module nobody\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "--quiet", root).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	modules, err := Modules(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"example.com/!a":          {".gitignore", "LICENSE", "a.go", "go.mod", "subject/s.go"},
		"example.com/!a/sub":      {"b.go", "go.mod"},
		"example.com/!a/sub/deep": {"d.go", "go.mod"},
	}
	if len(modules) != len(want) {
		t.Errorf("%d modules, want %d", len(modules), len(want))
	}
	for _, m := range modules {
		if err := Proxy(root, proxy, m); err != nil {
			t.Fatal(err)
		}
	}
	for path, files := range want {
		if got := zipped(t, filepath.Join(proxy, path, "@v", Version+".zip")); !slices.Equal(got, files) {
			t.Errorf("%s holds %q, want %q", path, got, files)
		}
	}
}

// zipped lists the files of a module's zip, without the module@version that each begins with.
func zipped(t *testing.T, path string) (names []string) {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close() //nolint:errcheck // only read
	for _, f := range archive.File {
		_, name, _ := strings.Cut(f.Name, "@"+Version+"/")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
