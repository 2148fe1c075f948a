package pipefile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
)

// hint adds what is allowed and hardly meant.
func (r *reader) hint(f *File) {
	r.hintAtShell(f.Retry.BeforeRetry, "retry.before_retry")
	for i, phase := range f.Phases {
		key := fmt.Sprintf("phases[%d]", i)
		for k, step := range phase.Steps {
			r.hintAtShell(&step.Run, fmt.Sprintf("%s.steps[%d].run", key, k))
			r.hintAtShell(step.Retry.BeforeRetry, fmt.Sprintf("%s.steps[%d].retry.before_retry", key, k))
		}
		r.hintAtShell(phase.Retry.BeforeRetry, key+".retry.before_retry")
		r.hintAtShell(phase.Fallback, key+".fallback")
		r.hintAtShell(phase.DryRun, key+".dry_run")
	}
}

// hintAtShell finds what only a shell gives a meaning, in the words of a list, which no shell reads.
func (r *reader) hintAtShell(c *Command, key string) {
	if c == nil || c.Shell != "" || slices.ContainsFunc(c.Args, readsItself) {
		return
	}
	for i, word := range c.Args {
		if part := shellOnly(c.Args, i); part != "" {
			at := fmt.Sprintf("%s[%d]", key, i)
			r.hints = append(r.hints, problemOf(r.nodes[at], at,
				"is %q, and no shell reads the words of a list: %s stays as it is; write the whole command as one "+
					"text, without [ and ], and a shell runs it", word, part))
		}
	}
}

// readsItself reports whether word is a program that gives such texts a meaning of its own: a shell or an interpreter,
// here or on another machine, or one of the languages in which a $ begins a variable.
func readsItself(word string) bool {
	name := command.Name([]string{word})
	return command.IsInterpreter(name) || slices.Contains([]string{
		"awk", "envsubst", "eval", "gawk", "jq", "make", "mawk", "parallel", "sed", "ssh", "tmux", "watch", "yq",
	}, name)
}

var (
	// expansion is a variable as a shell would see it ($url, ${url}, ${url:-none}), or a command, $(date).
	expansion = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(
			`\$([A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*([^A-Za-z0-9_}][^}]*)?\}|\([^)]+\))`)
	})
	// quoted is a command in backquotes. In a text with blanks around it, it is most often Markdown.
	quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^[^ `]*(`[^`]+`)[^ `]*$") })
	// operator is what stands between commands, or sends a stream to a file.
	operator = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(&&|\|\|?|;|<|[0-9]?>>?|&>|[0-9]?>&[0-9]|([0-9]|&)?>>?[A-Za-z0-9_./~-]+)$`)
	})
	// filePattern is a pattern for names of files.
	filePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_./~][A-Za-z0-9_./*?~-]*[*?][A-Za-z0-9_./*?-]*$|^\*[A-Za-z0-9_./*?-]*$`)
	})
)

var (
	// readOperators are programs to whose arguments a lone operator may belong.
	readOperators = []string{
		"[", "column", "cut", "dpkg", "egrep", "expr", "fgrep", "find", "grep", "paste", "printf", "rg", "test", "tr",
	}
	// takeFiles are programs whose arguments are names of files, never patterns.
	takeFiles = []string{
		"bzip2", "cat", "chgrp", "chmod", "chown", "cp", "diff", "gunzip", "gzip", "head", "less", "ln", "md5sum",
		"mkdir", "mv", "rm", "rmdir", "sha256sum", "shred", "sort", "stat", "tail", "touch", "wc", "xz", "zcat", "zstd",
	}
)

// shellOnly is what only a shell would give a meaning in a word of a command; empty when there is nothing.
func shellOnly(words []string, i int) string {
	word, program := words[i], command.Name(words[:1])
	switch {
	case expansion().MatchString(word):
		return expansion().FindString(word)
	case quoted().MatchString(word):
		return quoted().FindStringSubmatch(word)[1]
	case word == "~", strings.HasPrefix(word, "~/"):
		return "~"
	case i == 0:
		return ""
	case operator().MatchString(word):
		if word != "&&" && strings.HasPrefix(words[i-1], "-") || slices.Contains(readOperators, program) {
			return "" // such as sort -t '|'
		}
		return word
	case filePattern().MatchString(word) && slices.Contains(takeFiles, program):
		return word
	}
	return ""
}
