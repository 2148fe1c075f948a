package archtest

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// The longest line of code and comment, with tabs of 4 columns.
const (
	maxColumns = 120
	tabWidth   = 4
)

// A text of so many columns may have a line to itself: who looks for a message finds it whole. Beside it, the line has
// at most what a key takes.
const (
	longText  = 90
	besideOne = 30
)

func TestNoLineIsTooLong(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "*.go", "*.md", "*.sh", "*Makefile")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	files := strings.Fields(string(out))
	if len(files) < 2 {
		t.Fatalf("git lists %q: there is nothing to check", files)
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, complaint := range longLines(name, text) {
			t.Error(complaint)
		}
	}
}

// longLines says which lines of a file are too long. What cannot be wrapped is left out: in Go what stands in a text of
// several lines, a text that has its line to itself, and what an example prints; in Markdown tables and code, and lines
// that an address makes long.
func longLines(name string, text []byte) (found []string) {
	free := markdownFree
	if strings.HasSuffix(name, ".go") {
		free = goFree
	}
	lines := strings.Split(string(text), "\n")
	exempt := free(lines, text)
	for i, line := range lines {
		if width := columns(line); width > maxColumns && !exempt[i] {
			found = append(found, fmt.Sprintf("%s:%d: %d columns, want at most %d", name, i+1, width, maxColumns))
		}
	}
	return found
}

func columns(line string) int {
	return utf8.RuneCountInString(line) + (tabWidth-1)*strings.Count(line, "\t")
}

// goFree finds the lines that may be long, by their index.
func goFree(lines []string, text []byte) map[int]bool {
	free := map[int]bool{}
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	printed := false // the comments say what an example prints
	for {
		pos, kind, literal := s.Scan()
		line := file.Line(pos) - 1
		switch kind {
		case token.EOF:
			return free
		case token.COMMENT:
			printed = printed || strings.HasPrefix(literal, "// Output:") ||
				strings.HasPrefix(literal, "// Unordered output:")
			free[line] = printed || strings.HasPrefix(literal, "//go:")
		case token.STRING:
			last := line + strings.Count(literal, "\n")
			for i := line; last > line && i <= last; i++ {
				free[i] = true
			}
			width := columns(literal)
			if width >= longText && columns(strings.TrimSpace(lines[line]))-width <= besideOne {
				free[line] = true
			}
		case token.RBRACE:
			printed = false
		default:
		}
	}
}

// markdownFree finds the lines that may be long in a file that is not Go, by their index.
func markdownFree(lines []string, _ []byte) map[int]bool {
	free := map[int]bool{}
	code := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		code = code != fence
		free[i] = code || strings.HasPrefix(line, "|") || strings.Contains(line, "://")
	}
	return free
}

func TestLongLinesAreSeen(t *testing.T) {
	long := strings.Repeat("a", maxColumns)
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"x.go", "package x // " + long, 1},
		{"x.go", "package x\n\nvar y = 1 +\n\t\t\t\t" + strings.Repeat("1", maxColumns-15), 1},
		{"x.go", "package x\n\nvar y = []string{\n\t\"" + long + "\",\n}", 0},
		{"x.go", "package x\n\nvar y = []string{\n\t\"" + long + "\", f(1, 2, 3), f(4, 5, 6), f(7, 8, 9),\n}", 1},
		{"x.go", "package x\n\nvar y = `\n" + long + long + "\n`", 0},
		{"x.go", "package x\n\nfunc f() {\n\t// Output:\n\t// " + long + "\n}\n\n// " + long, 1},
		{"x.md", long + "a", 1},
		{"x.md", "| " + long + " |\n```\n" + long + "a\n```\nhttps://" + long, 0},
		{"Makefile", "x:\n\techo " + long, 1},
		{"x.sh", strings.Repeat("é", maxColumns), 0},
	} {
		if got := longLines(c.name, bytes.TrimSpace([]byte(c.text))); len(got) != c.want {
			t.Errorf("%s: %.60q: %q, want %d complaints", c.name, c.text, got, c.want)
		}
	}
}
