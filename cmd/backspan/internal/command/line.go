package command

import (
	"strconv"
	"strings"
)

// Line is a command on one line, as a shell would take it.
func Line(args []string) string {
	words := make([]string, len(args))
	for i, word := range args {
		words[i] = quote(word)
	}
	return strings.Join(words, " ")
}

// quote puts quotes around a word that a shell would split or change. Line breaks and characters that cannot be seen
// are written as in Go.
func quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_"
	switch {
	case word != "" && strings.Trim(word, plain) == "":
		return word
	case strings.ContainsFunc(word, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "$" + strconv.Quote(word)
	default:
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
}
