package text

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxMessage is how many bytes of a message are kept.
const maxMessage = 64 << 10

// continued stands before the second and all later lines of a message. Spaces alone would not do: the runners of
// GitHub Actions take a line for a command also when it is indented.
const continued = "  | "

// Sprintf is fmt.Sprintf for a message to a person, whose values may come from anybody: a server, a file, a command.
// The result is safe to show. Its second and later lines stand behind a bar, so that nobody can forge a message of
// ours, or a command to the program that shows the log. Newlines at both ends of format stay as they are.
func Sprintf(format string, args ...any) string {
	body := strings.TrimLeft(format, "\n")
	before, after := format[:len(format)-len(body)], ""
	if trimmed := strings.TrimRight(body, "\n"); trimmed != body {
		body, after = trimmed, body[len(trimmed):]
	}
	return before + message(strings.TrimRight(fmt.Sprintf(body, args...), "\n")) + after
}

func message(s string) string {
	s = withoutCommands(Safe(s, maxMessage))
	if strings.HasPrefix(strings.TrimLeftFunc(s, unicode.IsSpace), "::") {
		s = continued + s
	}
	return strings.ReplaceAll(s, "\n", "\n"+continued)
}

// withoutCommands breaks the commands ##[error] of GitHub Actions and Azure Pipelines, which count anywhere in a line.
func withoutCommands(s string) string { return strings.ReplaceAll(s, "##[", "# #[") }

// JSON makes encoded JSON safe to show: what a text that is safe does not hold, and JSON may, becomes an escape, such
// as \u009b. The value stays the same; broken UTF-8 becomes the replacement character, as for every decoder.
func JSON(encoded []byte) []byte {
	if command := []byte("##["); bytes.Contains(encoded, command) { // as withoutCommands, with the same value
		encoded = bytes.ReplaceAll(encoded, command, []byte(`\u0023#[`))
	}
	if plain(encoded) {
		return encoded
	}
	safe := make([]byte, 0, len(encoded)+64)
	for _, r := range string(encoded) {
		switch {
		case r < 0x7f, r > 0x7f && !hidden(r):
			safe = utf8.AppendRune(safe, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
	}
	return safe
}
