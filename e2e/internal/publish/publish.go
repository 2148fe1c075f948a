// Package publish makes a module proxy of this working tree, so that what users will do after publication can be
// tried before it.
package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// Version is what every module is published as: the version that the nested ones require of the root.
const Version = "v0.1.0"

// A Module is one module of the repository.
type Module struct {
	Dir   string // below the root, with slashes; "." is the root itself
	File  *modfile.File
	files []string // its files, below the root
}

// Path is the module's path, as an import statement begins.
func (m Module) Path() string { return m.File.Module.Mod.Path }

// Internal reports whether the module serves the repository's own checks only, so that nobody ever fetches it.
func (m Module) Internal() bool {
	top, _, _ := strings.Cut(m.Dir, "/")
	return top == "tools" || top == "e2e" || top == "bench"
}

// Modules lists the modules of the repository in root, from the files that git would commit.
func Modules(ctx context.Context, root string) ([]Module, error) {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the modules are made from git's list of files: git ls-files: %w: %s",
			err, stderr.Bytes())
	}
	files := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	var modules []Module
	for _, name := range files {
		if path.Base(name) != "go.mod" || strings.Contains(name, "testdata/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		file, err := modfile.Parse(name, content, nil)
		if err != nil {
			return nil, err
		}
		modules = append(modules, Module{Dir: path.Dir(name), File: file})
	}
	for _, name := range files {
		if m := owner(modules, name); m != nil {
			m.files = append(m.files, name)
		}
	}
	return modules, nil
}

// owner finds the innermost module that a file lies in.
func owner(modules []Module, name string) (innermost *Module) {
	for i := range modules {
		m := &modules[i]
		within := m.Dir == "." || strings.HasPrefix(name, m.Dir+"/")
		if within && (innermost == nil || len(m.Dir) > len(innermost.Dir) || innermost.Dir == ".") {
			innermost = m
		}
	}
	return innermost
}

// Proxy writes the module into dir in the layout of a file:// GOPROXY.
func Proxy(root, dir string, m Module) (err error) {
	escaped, err := module.EscapePath(m.Path())
	if err != nil {
		return err
	}
	at := filepath.Join(dir, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	goMod, err := m.File.Format()
	if err != nil {
		return err
	}
	info := fmt.Sprintf(`{"Version": %q, "Time": %q}`, Version, time.Now().UTC().Format(time.RFC3339))
	for name, content := range map[string][]byte{
		"list":            []byte(Version + "\n"),
		Version + ".info": []byte(info),
		Version + ".mod":  goMod,
	} {
		if err := os.WriteFile(filepath.Join(at, name), content, 0o644); err != nil {
			return err
		}
	}
	archive, err := os.Create(filepath.Join(at, Version+".zip"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	files := make([]zip.File, 0, len(m.files))
	for _, name := range m.files {
		files = append(files, file{root: root, name: name, dir: m.Dir})
	}
	return zip.Create(archive, module.Version{Path: m.Path(), Version: Version}, files)
}

// A file is one file of the module in dir, for the zip.
type file struct{ root, name, dir string }

func (f file) Path() string {
	if f.dir == "." {
		return f.name
	}
	return strings.TrimPrefix(f.name, f.dir+"/")
}

func (f file) Lstat() (os.FileInfo, error)  { return os.Lstat(filepath.Join(f.root, f.name)) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(filepath.Join(f.root, f.name)) }
