// Package boundtext makes the texts that go on spans: valid UTF-8 and of bounded length.
//
// A collector that speaks gRPC refuses a message of more than 4 MiB, or one with a single byte that is not UTF-8, and
// with it every other span of the batch. So texts are bounded where they are made, whichever TracerProvider gets them.
package boundtext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/backspan/backspan/internal/semconv"
)

// The limits in bytes, one for each place of a text. With all of them used up, a batch of 512 spans is smaller than a
// collector's 4 MiB.
const (
	MaxName            = 128   // the name of an operation, phase or run
	MaxErrorType       = 100   // error.type and exception.type
	MaxAttempt         = 2_048 // the description of an attempt's status
	MaxAttemptBeside   = 512   // the same, when the attempt has an exception event
	MaxException       = 512   // exception.message
	MaxStack           = 3_072 // exception.stacktrace
	MaxOperation       = 1_024 // the description of an operation's or a phase's status
	MaxRun             = 2_048 // the description of a run's status
	MaxEventReason     = 128   // retry.reason in events
	MaxPhaseReason     = 256   // phase.reason and run.reason
	MaxRecoveryMessage = 256   // recovery.message
	MaxRecoveryResult  = 2_048 // recovery.result
	MaxFirst           = 256   // the first failure in the message of the last
)

// between stands between the innermost error's text and the beginning of the whole.
const between = " … "

// Error is the message of err in at most limit bytes. See Of.
func Error(err error, limit int) string { return Of(semconv.ErrorText(err), err, limit) }

// Type is the error.type of err.
func Type(err error) string { return Of(semconv.ErrorType(err), nil, MaxErrorType) }

// Name is the name of an operation, phase or run.
func Name(name string) string { return Of(name, nil, MaxName) }

// Of returns text as valid UTF-8 in at most limit bytes, which must be 64 or more. When text is too long, it becomes
//
//	connection refused … fetching page 7: 502 Bad Gateway: <html> (6143 bytes)
//
// The innermost error of err comes first, in at most half of limit, because the cause of a failure stands at the end of
// most messages. Then comes the beginning of text, and its length. Without err, or when the beginning holds the
// innermost error, only "the beginning … (6143 bytes)" is left.
//
// A cut lies next to white space, a quote or a bracket. A password or token has none of these, so it is kept whole or
// left out: part of one would pass every redaction.
func Of(text string, err error, limit int) string {
	if len(text) <= limit && utf8.ValidString(text) {
		return text
	}
	valid := strings.ToValidUTF8(text, "\uFFFD")
	if len(valid) <= limit {
		return valid
	}
	size := fmt.Sprintf("(%d bytes)", len(text))
	space := limit - len(between) - len(size)
	first := cut(innermost(err), min(limit/2, space))
	if beginning := cut(valid, space); first == "" || strings.Contains(beginning, first) {
		return strings.TrimPrefix(beginning+between+size, " ")
	}
	beginning := cut(valid, space-len(first)-1)
	return first + between + strings.TrimPrefix(beginning+" "+size, " ")
}

// innermost is the text of the innermost error: down each Unwrap, and of several errors the first.
func innermost(err error) (text string) {
	defer func() {
		if recover() != nil { // Unwrap of a nil pointer
			text = ""
		}
	}()
	for range maxDepth {
		var inner error
		switch e := err.(type) { //nolint:errorlint // this unwraps
		case interface{ Unwrap() error }:
			inner = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, inner = range e.Unwrap() {
				if inner != nil {
					break
				}
			}
		}
		if inner == nil {
			return strings.ToValidUTF8(semconv.ErrorText(err), "\uFFFD")
		}
		err = inner
	}
	return "" // it wraps itself
}

const maxDepth = 1_000

// cut returns the beginning of text that fits into limit bytes. A bracket that is not closed in it ends it, unless too
// little were left.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	kept := separated(text, limit)
	if open := unclosed(kept); open > len(kept)/2 {
		return strings.TrimRightFunc(kept[:open], unicode.IsSpace)
	}
	return kept
}

// unclosed is where the first round bracket of text is that is not closed; -1 when there is none.
func unclosed(text string) int {
	var open []int
	for i := range len(text) {
		switch text[i] {
		case '(':
			open = append(open, i)
		case ')':
			open = open[:max(0, len(open)-1)]
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[0]
}

// separated is the longest beginning of text of at most limit bytes that ends at the end of a run.
func separated(text string, limit int) string {
	for end := max(limit, 0); end > 0; end-- {
		after, _ := utf8.DecodeRuneInString(text[end:])
		before, _ := utf8.DecodeLastRuneInString(text[:end])
		if utf8.RuneStart(text[end]) && (separates(after) || separates(before)) {
			return strings.TrimRightFunc(text[:end], unicode.IsSpace)
		}
	}
	return ""
}

// End returns the end of text that fits into limit bytes, cut as Of cuts: a password or token is whole or left out.
func End(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for begin := len(text) - max(limit, 0); begin < len(text); begin++ {
		after, _ := utf8.DecodeRuneInString(text[begin:])
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		if utf8.RuneStart(text[begin]) && (separates(after) || separates(before)) {
			return strings.TrimLeftFunc(text[begin:], unicode.IsSpace)
		}
	}
	return ""
}

// separates reports whether a run of characters that belong together ends at r.
func separates(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'`()[]{}<>", r) }
